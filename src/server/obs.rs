//! OBS: what OBS Studio asks for before it sends several renditions: its request judged, sized and answered.
//!
//! Whatever it is told it is told with status 200, since OBS shows the words of such an answer only.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use crate::base::Secret;
use crate::control::{Claim, Grant, Refused, Verdict};
use crate::obs::{self, Endpoint, Fault, Request};

use super::clock::Clock;
use super::context::{Context, Phase};

/// Where OBS asks.
pub(super) const PATH: &str = "/api/obs/multitrack";
/// Most bytes of what it says; it says some three thousand.
pub(super) const MOST: usize = 64 * 1024;
/// How long it may take to say it. OBS itself gives up after five seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// `POST /api/obs/multitrack`.
pub(super) async fn configure(
    State(context): State<Arc<Context>>,
    Extension(address): Extension<IpAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let context = &*context;
    let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, to_bytes(body, MOST)).await else {
        return answer(StatusCode::BAD_REQUEST, obs::refuse("the request did not come whole"));
    };
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(fault @ Fault::Json) => return answer(StatusCode::BAD_REQUEST, obs::refuse(&fault.to_string())),
        Err(fault) => return refuse(context, address, &fault),
    };
    if context.phase() != Phase::Serving {
        return refuse(context, address, &"the server is about to stop; try again in a moment");
    }
    if !context.asked.allow(address, Clock::mono()) {
        return refuse(context, address, &"too many requests from this address; wait a minute and try again");
    }
    let grant = match authorize(context, &request.key, address) {
        Verdict::Allow(grant) => grant,
        Verdict::Refuse { reason, delay } => {
            context.metrics.refused_auth.inc();
            tokio::time::sleep(delay).await;
            return refuse(context, address, &reason);
        }
    };
    let endpoints = endpoints(context, &uri, &headers);
    if endpoints.is_empty() {
        return refuse(
            context,
            address,
            &"the server does not know its own name: set obs.server in its configuration",
        );
    }
    match ladder(context, &request, &endpoints, &grant) {
        Ok(text) => answer(StatusCode::OK, text),
        Err(refusal) => refuse(context, address, &refusal),
    }
}

/// Whether the key opens a stream. OBS knows it as one text, which may be a key or `NAME?key=KEY`.
fn authorize(context: &Context, key: &Secret, address: IpAddr) -> Verdict {
    let (path, query) = key.expose().split_once('?').unwrap_or_else(|| (key.expose(), ""));
    let own = query.split('&').find_map(|field| field.strip_prefix("key=")).map(Secret::new);
    let verdict = context.access.authorize(&Claim { path, key: own.as_ref(), address, now: Clock::mono() });
    match verdict {
        Verdict::Refuse { reason: Refused::BadName, delay } => {
            Verdict::Refuse { reason: Refused::WrongKey, delay }
        }
        verdict => verdict,
    }
}

fn ladder(
    context: &Context,
    request: &Request,
    endpoints: &[Endpoint],
    grant: &Grant,
) -> Result<String, obs::Refusal> {
    let policy = context.settings.obs_policy();
    let rungs = obs::ladder(request, &policy)?;
    let mut id = [0_u8; 6];
    // An id is for people who compare logs: without randomness all have the same.
    let _ = getrandom::fill(&mut id);
    let config_id = obs::config_id(id);
    let kilobits: u64 = rungs.iter().map(|rung| rung.kilobits).sum();
    tracing::info!(
        stream = %grant.stream, config_id, renditions = rungs.len(), kilobits,
        encoder = ?request.encoder, obs = request.version, "obs_configured"
    );
    Ok(obs::accept(request, &rungs, endpoints, &config_id, policy.keyframe_seconds))
}

/// Where it may publish to: as the operator says, else where this request has come to.
fn endpoints(context: &Context, uri: &Uri, headers: &HeaderMap) -> Vec<Endpoint> {
    let settings = &context.settings;
    if let Some(endpoint) = &settings.obs.server {
        return vec![endpoint.clone()];
    }
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let Some(host) =
        named.as_ref().or_else(|| uri.authority()).map(Authority::host).filter(|host| !host.is_empty())
    else {
        return Vec::new();
    };
    let plain =
        Endpoint { secure: false, url: format!("rtmp://{host}:{}/live", settings.listen.rtmp.port()) };
    // OBS does not say why it refuses a certificate of nobody's.
    let secure = settings
        .rtmps()
        .filter(|_| !settings.tls.self_signed)
        .map(|rtmps| Endpoint { secure: true, url: format!("rtmps://{host}:{}/live", rtmps.port()) });
    secure.into_iter().chain([plain]).collect()
}

fn refuse(context: &Context, address: IpAddr, reason: &dyn std::fmt::Display) -> Response<Body> {
    if let Some(times) = context.refusals.count("obs_refused", "any", Clock::mono()) {
        tracing::info!(%address, %reason, times, "obs_refused");
    }
    answer(StatusCode::OK, obs::refuse(&reason.to_string()))
}

fn answer(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
