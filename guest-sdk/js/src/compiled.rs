//! A step's files, compiled before a run: what `prepare` leaves for the run that goes on in its memory. No code of
//! the step runs here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::module::Declared;
use rquickjs::{CatchResultExt, Ctx, Module, Persistent, Result, Value};

use crate::fault::{self, Source};
use crate::modules::Modules;
use crate::prelude::OWN;

/// Which of a step's files are compiled. An ES module is declared together with all that it imports, and for a
/// CommonJS file that means to run it: a step with such an import is compiled to a lesser extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// CommonJS files alone.
    Common,
    /// The entry and what it imports as well.
    Entry,
    /// All files.
    All,
}

/// What was compiled and not yet used.
#[derive(Clone, Default)]
pub struct Compiled(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    entry: Option<Rc<Source>>,
    module: Option<Module<'static, Declared>>,
    /// The scripts of CommonJS files, by the files' names.
    common: BTreeMap<String, Persistent<Value<'static>>>,
    is_under_way: bool,
    /// Whether there is the module that throws.
    has_stop: bool,
}

impl Compiled {
    /// Whether files are being compiled and none may run.
    pub fn is_under_way(&self) -> bool {
        self.0.borrow().is_under_way
    }

    /// The entry, if it was compiled or found to be CommonJS.
    pub fn entry(&self) -> Option<Rc<Source>> {
        self.0.borrow().entry.clone()
    }

    /// The entry's module, once.
    #[allow(unsafe_code)]
    pub fn take_module<'js>(&self) -> Option<Module<'js, Declared>> {
        let module = self.0.borrow_mut().module.take()?;
        // SAFETY: the module is of the one context that the engine has.
        Some(unsafe { std::mem::transmute::<Module<'static, _>, Module<'js, _>>(module) })
    }

    /// A CommonJS file's script, once.
    pub fn take_common<'js>(&self, ctx: &Ctx<'js>, name: &str) -> Option<Value<'js>> {
        let script = self.0.borrow_mut().common.remove(name)?;
        script.restore(ctx).ok()
    }

    /// Lets go of everything, so that the runtime can be dropped.
    pub fn clear(&self) {
        self.0.take();
    }

    #[allow(unsafe_code)]
    fn put_module<'js>(&self, module: Module<'js, Declared>) {
        // SAFETY: it is taken out or dropped before the context is.
        let module = unsafe { std::mem::transmute::<Module<'js, _>, Module<'static, _>>(module) };
        self.0.borrow_mut().module = Some(module);
    }
}

/// Links a declared module, with all that it imports, and makes its namespace. The engine links what it is about to
/// evaluate, so it is given a module that imports this one behind one that throws.
fn link(ctx: &Ctx<'_>, modules: &Modules, name: &str) -> Result<()> {
    let mut inner = modules.compiled.0.borrow_mut();
    if !std::mem::replace(&mut inner.has_stop, true) {
        Module::declare(ctx.clone(), format!("{OWN}stop"), "throw 0")?;
    }
    drop(inner);
    let start = format!(
        "import '{OWN}stop'; import * as step from {:?};",
        format!("/{name}")
    );
    let start = Module::declare(ctx.clone(), format!("{OWN}start/{name}"), start)?;
    start.eval()?;
    Ok(())
}

/// Compiles a step's files. After an error the engine is of no use: modules that were declared may refer to one that
/// could not be.
///
/// # Errors
/// What is wrong with a file, or that it cannot be compiled without running another one.
pub fn prepare(
    ctx: &Ctx<'_>,
    modules: &Modules,
    extent: Extent,
) -> std::result::Result<(), String> {
    modules.compiled.0.borrow_mut().is_under_way = true;
    let done = compile(ctx, modules, extent);
    modules.compiled.0.borrow_mut().is_under_way = false;
    modules.sources.forget_texts();
    done.map_err(|error| fault::headline(ctx, error))
}

/// Compiles what the host wants to be compiled first, as layers. Nothing that differs between two steps with such a
/// module may be asked for or allocated before its layer ends: the layers would differ, too.
fn compile_layers(ctx: &Ctx<'_>, modules: &Modules, extent: Extent) -> Result<()> {
    for index in 0.. {
        let Some(name) = modules.host.first(index) else {
            break;
        };
        match modules.find(&name) {
            Some(file) if file.shift > 0 => compile_common(ctx, modules, &file),
            // Of a lesser extent, it is not known whether the entry imports it.
            Some(file) if extent == Extent::All => {
                modules.declare_once(ctx, &file)?;
                link(ctx, modules, &name)?;
            }
            _ => continue,
        }
        modules.sources.forget_texts();
        drop(name);
        modules.host.layer();
    }
    Ok(())
}

/// Compiles a CommonJS file, unless it was. What is wrong with it is said by the run that asks for it.
fn compile_common(ctx: &Ctx<'_>, modules: &Modules, file: &Source) {
    if modules.compiled.0.borrow().common.contains_key(&file.name) {
        return;
    }
    if let Ok(script) = modules.common(ctx, file).catch(ctx) {
        let kept = Persistent::save(ctx, script);
        let mut compiled = modules.compiled.0.borrow_mut();
        compiled.common.insert(file.name.clone(), kept);
    }
}

fn compile(ctx: &Ctx<'_>, modules: &Modules, extent: Extent) -> Result<()> {
    compile_layers(ctx, modules, extent)?;
    let entry = modules.add_entry();
    let names = modules.host.names();
    let files: Vec<Rc<Source>> = (names.iter())
        .filter(|name| !name.ends_with(".json"))
        .filter_map(|name| modules.find(name))
        .collect();
    for file in files.iter().chain([&entry]).filter(|file| file.shift > 0) {
        compile_common(ctx, modules, file);
    }
    if extent != Extent::Common && entry.shift == 0 {
        let module = Module::declare(ctx.clone(), &*entry.name, &*entry.text())?;
        link(ctx, modules, &entry.name)?;
        modules.compiled.put_module(module);
    }
    if extent == Extent::All {
        for file in files.iter().filter(|file| file.shift == 0) {
            modules.declare_once(ctx, file)?;
        }
    }
    if extent != Extent::Common || entry.shift > 0 {
        modules.compiled.0.borrow_mut().entry = Some(entry);
    }
    Ok(())
}
