//! The offsets of time zones, by the host's time zone database.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rquickjs::{Ctx, Exception, Function, Object, Result, Value};

use crate::host::Host;

/// Seconds of 400 years, after which the calendar, and every rule of summer time, repeats.
const CYCLE: i64 = 146_097 * 86_400;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, host: &Rc<dyn Host>) -> Result<()> {
    let host = Rc::clone(host);
    let known: RefCell<BTreeMap<String, TimeZone>> = RefCell::default();
    let offset = move |ctx: Ctx<'js>, name: String, milliseconds: f64| -> Result<Vec<Value<'js>>> {
        let mut known = known.borrow_mut();
        let zone = match known.get(&name) {
            Some(zone) => zone.clone(),
            None => {
                let bytes = host.locale_data(&format!("zone/{name}"));
                let made = bytes.and_then(|bytes| TimeZone::tzif(&name, &bytes).ok());
                let zone = made.ok_or_else(|| {
                    let text = format!("the time zone '{name}' is not available in a step");
                    Exception::throw_range(&ctx, &text)
                })?;
                known.insert(name, zone.clone());
                zone
            }
        };
        let info = zone.to_offset_info(moment(milliseconds));
        Ok(vec![
            Value::new_number(ctx.clone(), f64::from(info.offset().seconds())),
            Value::new_bool(ctx, info.dst().is_dst()),
        ])
    };
    natives.set("zoneOffset", Function::new(ctx.clone(), offset)?)
}

/// The moment, or one with the same rules within the years that jiff has.
fn moment(milliseconds: f64) -> Timestamp {
    let seconds = (milliseconds / 1000.0).floor() as i64;
    let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    // Before the first transition there is one offset only.
    let mut seconds = seconds.max(least);
    if seconds > most {
        seconds -= (seconds - most + CYCLE - 1) / CYCLE * CYCLE;
    }
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
