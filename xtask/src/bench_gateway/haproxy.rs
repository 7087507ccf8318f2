//! HAProxy from Debian, set up as somebody would who knows it well.

use super::process::{Process, on_core};
use super::proxies::Setup;
use std::fmt::Write as _;

/// Starts it.
pub(super) fn start(setup: &Setup<'_>) -> Result<Process, String> {
    // It wants certificate and key in one file.
    let both = [setup.certificate, setup.key].map(|file| std::fs::read_to_string(file).unwrap_or_default());
    let pem = setup.write("haproxy.pem", &both.concat())?;
    let (stable, candidate) = setup.releases();
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn 9000\n\
         defaults\n  mode http\n  option forwardfor\n  option http-keep-alive\n  http-reuse always\n  balance leastconn\n  \
         timeout connect 2s\n  timeout client 75s\n  timeout server 60s\n  timeout http-keep-alive 75s\n\
         frontend all\n  bind {plain} backlog 4096\n  bind {tls} ssl crt {pem} alpn h2,http/1.1 backlog 4096\n  \
         unique-id-format %[uuid()]\n  unique-id-header X-Request-Id\n  \
         http-request set-header X-Forwarded-Proto http\n  http-request set-header X-Forwarded-Host %[req.hdr(host)]\n  \
         use_backend candidate if {{ rand(100) lt 10 }}\n  default_backend stable\n",
        plain = setup.plain,
        tls = setup.tls,
        pem = pem.display(),
    );
    for (name, addresses) in [("stable", stable), ("candidate", candidate)] {
        let _ = writeln!(text, "backend {name}");
        for (number, address) in addresses.iter().enumerate() {
            let _ = writeln!(text, "  server {name}{number} {address} pool-max-conn 128");
        }
    }
    let file = setup.write("haproxy.cfg", &text)?;
    let mut command = on_core(setup.core, "haproxy");
    command.arg("-db").arg("-f").arg(file);
    Process::start(&mut command, &setup.folder.join("haproxy.log"))
}
