//! What `Intl` computes in Rust: collation and case mapping by ICU4X, the offsets of time zones by
//! jiff. The data of all three is the host's and read when it is first needed; nothing is kept in the
//! engine's snapshot.

mod source;
mod zones;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use icu_casemap::CaseMapper;
use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, Strength};
use icu_collator::{Collator, CollatorPreferences};
use icu_locale_core::{LanguageIdentifier, Locale};
use rquickjs::{Ctx, Exception, Function, Object, Result, Value};

use crate::fault;
use crate::host::Host;
use source::Source;

/// Collators by their locale and options. There are as many as locales and options have combinations,
/// and each is paid with fuel and with the run's memory.
type Collators = Rc<RefCell<(BTreeMap<String, usize>, Vec<Collator>)>>;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, host: &Rc<dyn Host>) -> Result<()> {
    let h = Rc::clone(host);
    let text = move |name: String| {
        h.locale_data(&name)
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    natives.set("localeData", Function::new(ctx.clone(), text)?)?;
    zones::install(ctx, natives, host)?;
    let source = Rc::new(Source::new(Rc::clone(host)));
    collation(ctx, natives, &source)?;
    let mapper: Rc<RefCell<Option<CaseMapper>>> = Rc::default();
    let case = move |ctx: Ctx<'js>, language: String, upper: bool, text: Value<'js>| {
        let text = fault::text(&text).unwrap_or_default();
        map_case(&source, &mapper, &language, upper, &text)
            .ok_or_else(|| Exception::throw_range(&ctx, "the case data is not available in a step"))
    };
    natives.set("mapCase", Function::new(ctx.clone(), case)?)
}

fn collation<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, source: &Rc<Source>) -> Result<()> {
    let collators = Collators::default();
    let (known, data) = (Rc::clone(&collators), Rc::clone(source));
    // The number of a collator. `tag` is a locale with its `-u-` keywords `co`, `kf` and `kn`.
    let find = move |ctx: Ctx<'js>,
                     tag: String,
                     sensitivity: String,
                     ignore: Option<bool>|
          -> Result<usize> {
        let mut known = known.borrow_mut();
        let key = format!("{tag} {sensitivity} {ignore:?}");
        if let Some(at) = known.0.get(&key) {
            return Ok(*at);
        }
        let made = collator(&data, &tag, &sensitivity, ignore).ok_or_else(|| {
            let text = format!("collation for '{tag}' is not available in a step");
            Exception::throw_range(&ctx, &text)
        })?;
        let at = known.1.len();
        known.1.push(made);
        known.0.insert(key, at);
        Ok(at)
    };
    natives.set("collator", Function::new(ctx.clone(), find)?)?;
    let compare = move |at: usize, a: Value<'js>, b: Value<'js>| -> i32 {
        let a = fault::text(&a).unwrap_or_default();
        let b = fault::text(&b).unwrap_or_default();
        let known = collators.borrow();
        known
            .1
            .get(at)
            .map_or(0, |collator| collator.as_borrowed().compare(&a, &b) as i32)
    };
    natives.set("collate", Function::new(ctx.clone(), compare)?)
}

fn collator(
    source: &Source,
    tag: &str,
    sensitivity: &str,
    ignore: Option<bool>,
) -> Option<Collator> {
    let locale = Locale::try_from_str(tag).ok()?;
    let mut options = CollatorOptions::default();
    let strength = match sensitivity {
        "base" => Some(Strength::Primary),
        "accent" => Some(Strength::Secondary),
        "case" => {
            options.case_level = Some(CaseLevel::On);
            Some(Strength::Primary)
        }
        "variant" => Some(Strength::Tertiary),
        _ => None,
    };
    options.strength = strength;
    options.alternate_handling = ignore.map(|ignore| {
        if ignore {
            AlternateHandling::Shifted
        } else {
            AlternateHandling::NonIgnorable
        }
    });
    Collator::try_new_unstable(source, CollatorPreferences::from(&locale), options).ok()
}

fn map_case(
    source: &Source,
    mapper: &RefCell<Option<CaseMapper>>,
    language: &str,
    upper: bool,
    text: &str,
) -> Option<String> {
    let mut mapper = mapper.borrow_mut();
    if mapper.is_none() {
        *mapper = CaseMapper::try_new_unstable(source).ok();
    }
    let mapper = mapper.as_ref()?.as_borrowed();
    let language = LanguageIdentifier::try_from_str(language).ok()?;
    Some(if upper {
        mapper.uppercase_to_string(text, &language).into_owned()
    } else {
        mapper.lowercase_to_string(text, &language).into_owned()
    })
}
