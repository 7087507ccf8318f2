//! Who a gateway is to those of other machines, and who they are to it.

use crate::exit::Exit;
use crate::failure::Failure;
use gateway::remote::Papers as Files;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use wire::table::Certificate;

/// What both show who speak with each other from one machine to another.
#[derive(clap::Args)]
pub(crate) struct Papers {
    /// The certificate, in PEM, that is shown where a gateway is asked over TCP: the gateway's where it serves, and
    /// yours where you ask.
    #[arg(long, value_name = "FILE", global = true)]
    control_certificate: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    #[arg(long, value_name = "FILE", global = true)]
    control_key: Option<PathBuf>,
    /// The authorities, in PEM, whose word is taken for who is at the other end.
    #[arg(long, value_name = "FILE", global = true)]
    control_authorities: Option<PathBuf>,
}

impl Papers {
    /// The files, where any is named: all, or none.
    pub(super) fn files(&self, by: &str) -> Result<Option<Files>, Failure> {
        let named = [
            ("--control-certificate", &self.control_certificate),
            ("--control-key", &self.control_key),
            ("--control-authorities", &self.control_authorities),
        ];
        match (&self.control_certificate, &self.control_key, &self.control_authorities) {
            (Some(chain), Some(key), Some(authorities)) => Ok(Some(Files {
                certificate: Certificate { chain: text(chain)?, key: text(key)? },
                authorities: text(authorities)?,
            })),
            (None, None, None) => Ok(None),
            (Some(_) | None, Some(_) | None, Some(_) | None) => {
                let missing: Vec<&str> =
                    named.iter().filter(|(_, file)| file.is_none()).map(|(name, _)| *name).collect();
                Err(incomplete(by, &missing.join(" and ")))
            }
        }
    }

    /// Where a gateway is asked from other machines, if it is.
    pub(super) fn listen(
        &self,
        address: Option<SocketAddr>,
    ) -> Result<Option<gateway::process::RemoteSettings>, Failure> {
        match (address, self.files("asking a gateway over TCP")?) {
            (Some(address), Some(papers)) => Ok(Some(gateway::process::RemoteSettings { address, papers })),
            (Some(_), None) => {
                Err(incomplete("`--control-listen`", "--control-certificate, --control-key and --control-authorities"))
            }
            (None, Some(_)) => Err(incomplete("answering over TCP", "--control-listen")),
            (None, None) => Ok(None),
        }
    }

    /// The same, as arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let named = [
            ("--control-certificate", &self.control_certificate),
            ("--control-key", &self.control_key),
            ("--control-authorities", &self.control_authorities),
        ];
        let named = named.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?)));
        named.flat_map(|(name, file)| [name.into(), file.into()]).collect()
    }
}

/// TLS without all of it would be plain text by another name.
pub(super) fn incomplete(by: &str, missing: &str) -> Failure {
    let message = format!("{by} needs {missing}, too");
    let help = "both ends show a certificate: name all three files of each; see `glidepath gateway --help`";
    Failure::new(Exit::Usage, "missing-argument", message, help)
}

fn text(file: &std::path::Path) -> Result<String, Failure> {
    file.to_str().map(ToOwned::to_owned).ok_or_else(|| {
        Failure::new(Exit::Usage, "not-utf-8", "the name of a file is no UTF-8", "give it another name").at(file)
    })
}
