//! The flags of `serve` about how many connections it takes.

use anyhow::{Result, bail};
use clap::Args;

use crate::settings::Settings;
use crate::terminal::units::parse_many;

/// What `serve` takes about connections.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// Connections open at once
    #[arg(long, value_name = "N", value_parser = parse_many)]
    connections: Option<usize>,
    /// Connections of one client address [default: half of --connections]
    #[arg(long, value_name = "N", value_parser = parse_many)]
    connections_per_address: Option<usize>,
}

impl ConnectionArgs {
    /// # Errors
    /// One address would have more than there are.
    pub(super) fn set(&self, settings: &mut Settings) -> Result<()> {
        settings.connections = self.connections.unwrap_or(settings.connections);
        settings.connections_per_address = self.connections_per_address;
        if let Some(given) = self.connections_per_address
            && given > settings.connections
        {
            bail!(
                "--connections-per-address {given} is more than --connections {}: give at most that many",
                settings.connections
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connections: ConnectionArgs,
    }

    fn settings(line: &str) -> Result<Settings> {
        let line = Line::parse_from(format!("serve {line}").split_whitespace());
        let mut settings = Settings::new("/d".into());
        line.connections.set(&mut settings).map(|()| settings)
    }

    #[test]
    fn an_address_has_half_of_the_connections_if_not_told_otherwise() {
        for (line, most) in [
            ("", 5_000),
            ("--connections 7", 4),
            ("--connections 1", 1),
            ("--connections 7 --connections-per-address 7", 7),
            ("--connections-per-address 20", 20),
        ] {
            assert_eq!(settings(line).unwrap().connections_of_one(), most, "{line}");
        }
        // The limit of open files has left fewer than the flag says.
        let mut few = settings("--connections-per-address 20").unwrap();
        few.connections = 8;
        assert_eq!(few.connections_of_one(), 8);
    }

    #[test]
    fn an_address_has_no_more_than_there_are() {
        let error = settings("--connections 9 --connections-per-address 10").unwrap_err();
        let said = "--connections-per-address 10 is more than --connections 9";
        assert!(error.to_string().contains(said), "{error}");
    }
}
