//! The self-signed certificate: made once for this machine and kept in the data folder, so that who trusts it
//! need not be asked again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyIdMethod, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use time::OffsetDateTime;
use x509_cert::der::pem::{LineEnding, encode_string};

use crate::media::WallTime;

use super::TlsError;

const CERT: &str = "self-signed.crt";
const KEY: &str = "self-signed.key";
/// How long it holds: Apple's systems refuse more than 825 days, whoever signed.
const DAYS: i64 = 820;
/// Made anew at a start this close to its end.
const RENEW_DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400 * 1_000_000;
/// An uncompressed P-256 point (SEC 1 §2.3.3), the tail of its SubjectPublicKeyInfo.
const POINT: usize = 65;
/// Room for the encodings of a P-256 key, signature or public key.
const ENCODED: usize = 256;

/// The certificate and key files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// Names of the files in `folder`.
pub(super) fn files(folder: &Path) -> Files {
    Files { cert: folder.join(CERT), key: folder.join(KEY) }
}

/// Whether what holds until `until` should be replaced now.
pub(super) fn is_due(until: WallTime, now: WallTime) -> bool {
    until < now.plus_micros(RENEW_DAYS * DAY_MICROS)
}

/// Makes a key and a certificate for this machine, and writes both to `folder`.
pub(super) fn make(folder: &Path, now: WallTime) -> Result<Files, TlsError> {
    let fail = |error| TlsError::Write { path: folder.into(), error };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    let uname = rustix::system::uname();
    let host = uname.nodename().to_str().unwrap_or_default();
    let (cert, key) = pair(host, now.plus_micros(-DAY_MICROS), now.plus_micros(DAYS * DAY_MICROS))?;
    let files = files(folder);
    // The key first: a certificate without its key would be kept and refused at every start.
    write(&files.key, &key)?;
    write(&files.cert, &cert)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
    Ok(files)
}

/// A certificate for this machine, also known as `host`, and its key, both PEM.
pub(super) fn pair(host: &str, from: WallTime, until: WallTime) -> Result<(String, String), TlsError> {
    let key = Key::generate()?;
    let params = params(host, from, until)?;
    let certificate = params.self_signed(&key).map_err(library("make a certificate"))?;
    let cert = pem("CERTIFICATE", certificate.der())?;
    let mut der = [0; ENCODED];
    let der = key.secret.to_pkcs8_der(&mut der).map_err(graviola_error)?;
    Ok((cert, pem("PRIVATE KEY", der)?))
}

fn params(host: &str, from: WallTime, until: WallTime) -> Result<CertificateParams, TlsError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(library("draw a serial number"))?;
    // Positive, as RFC 5280 §4.1.2.2 wants it.
    random[0] = random[0] & 0x7F | 0x40;
    let mut names = vec!["localhost"];
    names.extend((!host.is_empty() && host != "localhost").then_some(host));
    let mut params = CertificateParams::default();
    params.subject_alt_names =
        [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].map(SanType::IpAddress).into();
    for name in names {
        // A host name that cannot stand in a certificate is left out; the others still work.
        params.subject_alt_names.extend(name.try_into().map(SanType::DnsName));
    }
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "rillcast self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_identifier_method = KeyIdMethod::PreSpecified(random.to_vec());
    params.serial_number = Some(SerialNumber::from_slice(&random));
    (params.not_before, params.not_after) = (date(from)?, date(until)?);
    Ok(params)
}

fn date(at: WallTime) -> Result<OffsetDateTime, TlsError> {
    let seconds = at.unix_micros.div_euclid(1_000_000);
    OffsetDateTime::from_unix_timestamp(seconds).map_err(library("write a date"))
}

/// A key that rcgen can sign with.
struct Key {
    secret: SigningKey<P256>,
    public: Vec<u8>,
}

impl Key {
    fn generate() -> Result<Self, TlsError> {
        let secret = SigningKey::<P256>::generate().map_err(graviola_error)?;
        let mut public = [0; ENCODED];
        let public = secret.to_spki_der(&mut public).map_err(graviola_error)?.to_vec();
        Ok(Self { secret, public })
    }
}

impl PublicKeyData for Key {
    fn subject_public_key_info(&self) -> Vec<u8> {
        self.public.clone()
    }

    fn der_bytes(&self) -> &[u8] {
        let point = self.public.len().saturating_sub(POINT);
        self.public.get(point..).unwrap_or_default()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = [0; ENCODED];
        let signed = self.secret.sign_asn1::<Sha256>(&[message], &mut signature);
        signed.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn pem(label: &str, der: &[u8]) -> Result<String, TlsError> {
    encode_string(label, LineEnding::LF, der).map_err(library("write PEM"))
}

/// Writes `text` so that nobody else ever sees it, and a crash leaves the old file or the new one.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let fail = |error| TlsError::Write { path: path.into(), error };
    let fresh = path.with_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(fail)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
    std::fs::rename(&fresh, path).map_err(fail)
}

fn library<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> TlsError {
    move |error| TlsError::Library { what, why: error.to_string() }
}

fn graviola_error(error: graviola::Error) -> TlsError {
    TlsError::Library { what: "make a key", why: format!("{error:?}") }
}
