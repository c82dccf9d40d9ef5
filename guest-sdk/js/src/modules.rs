//! The step's files as modules: how a name finds a file, and how CommonJS, JSON and the built-in
//! modules look to an `import`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Atom, Ctx, Exception, Function, Module, Object, Result, Value};

use crate::absent;
use crate::compiled::Compiled;
use crate::fault::{self, Source, Sources};
use crate::host::{self, Host};
use crate::prelude::{Glue, OWN};
use crate::script;
use crate::text::Text;

/// What stands before a CommonJS module's first line.
const COMMON_HEAD: &str = "(function (exports, require, module) {";
/// The prefix of the built-in modules' names.
const BUILT_IN: &str = "node:";
const BUILT_INS: [&str; 5] = ["buffer", "crypto", "querystring", "url", "util"];
/// What may be left out of the end of a name.
const ENDINGS: [&str; 5] = ["", ".js", ".ts", ".json", "/index.js"];

/// The files of the step.
#[derive(Clone)]
pub struct Modules {
    pub host: Rc<dyn Host>,
    pub sources: Sources,
    pub glue: Glue,
    pub compiled: Compiled,
    /// The ES modules that were declared while files were compiled.
    pub declared: Rc<RefCell<BTreeSet<String>>>,
}

impl Modules {
    /// Takes in the entry's text.
    pub fn add_entry(&self) -> Rc<Source> {
        self.add(self.host.entry(), true)
    }

    fn add(&self, module: host::Module, is_entry: bool) -> Rc<Source> {
        let shift = if is_common(&module.text) {
            COMMON_HEAD.len()
        } else {
            0
        };
        let source = Source::new(module, is_entry, shift, Rc::clone(&self.host));
        let source = Rc::new(source);
        self.sources.add(Rc::clone(&source));
        source
    }

    pub fn find(&self, name: &str) -> Option<Rc<Source>> {
        let known = self.sources.find(name);
        known.or_else(|| self.host.load(name).map(|module| self.add(module, false)))
    }

    /// The name of the file that `name` means in the file `base`; or what is wrong with it.
    fn locate(&self, base: &str, name: &str) -> std::result::Result<String, String> {
        let bare = name.strip_prefix(BUILT_IN).unwrap_or(name);
        if BUILT_INS.contains(&bare) {
            return Ok(format!("{BUILT_IN}{bare}"));
        }
        if !name.starts_with(['.', '/']) {
            let instead = absent::module(bare);
            return Err(format!("`{bare}` is not available in a step: {instead}"));
        }
        let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = if name.starts_with('/') { "" } else { folder };
        let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        let path = path.join("/");
        let mut names = ENDINGS.iter().map(|ending| format!("{path}{ending}"));
        names.find(|name| self.find(name).is_some()).ok_or_else(|| {
            let there = self.host.names();
            let there = if there.is_empty() {
                "the step has no other file".to_owned()
            } else {
                format!("there are: {}", there.join(", "))
            };
            let from = if base.is_empty() {
                String::new()
            } else {
                format!(", which `{base}` asks for")
            };
            format!("there is no file `{name}`{from}; {there}")
        })
    }

    /// Evaluates the entry; what it exports, and the promise to wait for, if any.
    pub fn entry<'js>(&self, ctx: &Ctx<'js>) -> Result<(Object<'js>, Option<Value<'js>>)> {
        let source = match self.compiled.entry() {
            Some(source) => source,
            None => self.add_entry(),
        };
        if source.shift > 0 {
            let exports = self.glue.get(ctx)?.get::<_, Function>("requireFile")?;
            return Ok((exports.call((&*source.name,))?, None));
        }
        let module = match self.compiled.take_module() {
            Some(module) => module,
            None => Module::declare(ctx.clone(), &*source.name, &*source.text())?,
        };
        let (module, promise) = module.eval()?;
        Ok((module.namespace()?, Some(promise.into_value())))
    }

    /// What the prelude needs for `require` and `lib`.
    pub fn install<'js>(&self, ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
        let modules = self.clone();
        let locate = move |ctx: Ctx<'js>, base: Text, name: Text| {
            let found = modules.locate(&base, &name);
            found.map_err(|text| Exception::throw_reference(&ctx, &text))
        };
        natives.set("locate", Function::new(ctx.clone(), locate)?)?;
        let modules = self.clone();
        let compile = move |ctx: Ctx<'js>, name: Text| modules.compile(&ctx, &name);
        natives.set("compile", Function::new(ctx.clone(), compile)?)?;
        let modules = self.clone();
        let names = move || modules.host.names();
        natives.set("moduleNames", Function::new(ctx.clone(), names)?)?;
        // The author's file whose function is running.
        let caller = |ctx: Ctx<'js>| -> Option<String> {
            let names =
                (0..8).filter_map(|level| ctx.script_or_module_name(level)?.to_string().ok());
            names.into_iter().find(|name| !name.starts_with(OWN))
        };
        natives.set("caller", Function::new(ctx.clone(), caller)?)
    }

    /// For `require`: a CommonJS file's function, a JSON file's value in an array, or an ES
    /// module's namespace.
    fn compile<'js>(&self, ctx: &Ctx<'js>, name: &str) -> Result<Value<'js>> {
        let Some(source) = self.find(name) else {
            return Err(Exception::throw_reference(
                ctx,
                &format!("there is no file `{name}`"),
            ));
        };
        if name.ends_with(".json") {
            let value = ctx.json_parse(&*source.text())?;
            return rquickjs::IntoJs::into_js(vec![value], ctx);
        }
        if source.shift > 0 {
            let script = match self.compiled.take_common(ctx, name) {
                Some(script) => script,
                None => self.common(ctx, &source)?,
            };
            let function: Function = script::evaluate(ctx, script)?.get()?;
            return Ok(function.into_value());
        }
        let promise = Module::import(ctx, format!("/{name}"))?;
        match promise.finish() {
            Err(rquickjs::Error::WouldBlock) => {
                let text = format!("`{name}` awaits at its top level: `import` it instead");
                Err(Exception::throw_type(ctx, &text))
            }
            namespace => namespace,
        }
    }

    /// A CommonJS file's text as a script that gives a function. It is not evaluated: a text that ends the function
    /// early would go on as the script.
    pub fn common<'js>(&self, ctx: &Ctx<'js>, source: &Source) -> Result<Value<'js>> {
        let text = format!("{COMMON_HEAD}{}\n}})", source.text());
        script::compile(ctx, text, &source.name)
    }

    /// Declares an ES module, unless it was when another one was that imports it.
    pub fn declare_once(&self, ctx: &Ctx<'_>, source: &Source) -> Result<()> {
        if !self.declared.borrow().contains(&source.name) {
            self.declare(ctx, source)?;
        }
        Ok(())
    }

    fn declare<'js>(&self, ctx: &Ctx<'js>, source: &Source) -> Result<Module<'js, Declared>> {
        if self.compiled.is_under_way() {
            self.declared.borrow_mut().insert(source.name.clone());
        }
        Module::declare(ctx.clone(), &*source.name, &*source.text())
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if base.starts_with(OWN) && name.starts_with(OWN) {
            return Ok(name.to_owned());
        }
        let found = self.locate(base, name);
        found.map_err(|text| Exception::throw_reference(ctx, &text))
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        match self.find(name) {
            Some(source) if source.shift == 0 && !name.ends_with(".json") => {
                self.declare(ctx, &source)
            }
            Some(source) if source.shift > 0 && self.compiled.is_under_way() => {
                let text = format!("`{name}` is CommonJS: it must run to be imported");
                Err(Exception::throw_type(ctx, &text))
            }
            _ => self.facade(ctx, name),
        }
    }
}

impl Modules {
    /// An ES module that exports what `require` gives.
    fn facade<'js>(&self, ctx: &Ctx<'js>, name: &str) -> Result<Module<'js, Declared>> {
        let require: Function = self.glue.get(ctx)?.get("requireFile")?;
        let exports: Value = require.call((name,))?;
        let mut text = format!("const m = require({name:?}); export default m;");
        if let Some(object) = exports.as_object() {
            for key in object.keys::<Atom>() {
                let key = fault::text(&key?.to_value()?).unwrap_or_default();
                let usual = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
                if !key.is_empty()
                    && key != "default"
                    && key.chars().all(usual)
                    && !key.starts_with(|c: char| c.is_ascii_digit())
                {
                    text.push_str(&format!(
                        "const $_{key} = m.{key}; export {{ $_{key} as {key} }};"
                    ));
                }
            }
        }
        // `require` finds files from the root when the name begins with a slash.
        let text = match name.strip_prefix(BUILT_IN) {
            Some(_) => text,
            None => text.replacen(
                &format!("{name:?}"),
                &format!("{:?}", format!("/{name}")),
                1,
            ),
        };
        Module::declare(ctx.clone(), name, text)
    }
}

/// Whether a file is CommonJS: it exports by assignment, no line begins as a module's would, and it
/// does not end with a module's exports, as a bundle on one line does.
fn is_common(text: &str) -> bool {
    let begins = |line: &str| {
        let line = line.trim_start();
        ["export", "import"].iter().any(|word| {
            let rest = line.strip_prefix(word);
            rest.is_some_and(|rest| rest.starts_with([' ', '{', '*', '"', '\'', '\t']))
        })
    };
    !text.lines().any(begins)
        && (text.contains("module.exports") || text.contains("exports."))
        && !ends_with_exports(text)
}

/// A line without the comments and white space that it begins with.
fn after_comments(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some((_, after)) = rest
        .strip_prefix("/*")
        .and_then(|inside| inside.split_once("*/"))
    {
        rest = after.trim_start();
    }
    rest
}

/// Whether the last statement is `export{a as b,c}`. Comments may stand behind it: bundlers put
/// licences there.
fn ends_with_exports(text: &str) -> bool {
    let mut text = text.trim_end();
    loop {
        let comment = match text.strip_suffix("*/") {
            Some(inside) => inside.rfind("/*"),
            None => {
                let line = text.rfind('\n').map_or(0, |at| at + 1);
                let last = after_comments(&text[line..]);
                last.starts_with("//").then(|| text.len() - last.len())
            }
        };
        match comment {
            Some(at) => text = text[..at].trim_end(),
            None => break,
        }
    }
    let text = text.trim_end_matches(';').strip_suffix('}');
    let Some((before, names)) = text.and_then(|text| text.rsplit_once("export{")) else {
        return false;
    };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ',' | ' ');
    names.chars().all(is_name) && before.trim_end().ends_with([';', '}', ')'])
}

#[cfg(test)]
mod tests {
    use super::is_common;

    #[test]
    fn common_modules_are_told_by_their_exports() {
        assert!(is_common("'use strict';\nexports.a = 1;"));
        assert!(is_common("module.exports = { important: 1 };"));
        assert!(!is_common(
            "// c\n  export const exports = 1; exports.a = 2"
        ));
        assert!(!is_common("import{a}from './a'; module.exports = a"));
        assert!(!is_common("const condition = {};"));
        // A bundle on one line, with what a bundler puts behind it.
        let bundle =
            "var a=(e,m)=>{m.exports=1;module.exports=2};export{a as condition,b as content};";
        for end in [
            "",
            "\n",
            "\n/*! MIT */\n",
            "\n//# sourceMappingURL=x\n",
            "\n/* a */ // b",
        ] {
            assert!(!is_common(&format!("{bundle}{end}")), "{end}");
        }
        assert!(is_common("module.exports = 'a;export{b}';"));
        assert!(is_common("module.exports = {a};\n/* export{a} */"));
        assert!(is_common("exports.a = '}export{a'; f(\"}\")"));
    }
}
