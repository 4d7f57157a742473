//! The cryptography under TLS, and whether this processor can run it.
//!
//! graviola is pure Rust with instructions of recent processors, and panics on others: hence the question first.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::TlsError;

/// The provider, when the processor has what it needs.
pub(in crate::server) fn provider() -> Result<Arc<CryptoProvider>, TlsError> {
    match missing().as_slice() {
        [] => Ok(Arc::new(rustls_graviola::default_provider())),
        missing => Err(TlsError::Processor(missing.join(", "))),
    }
}

/// Names of the features this processor lacks.
#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    let features = [
        ("aes", std::arch::is_x86_feature_detected!("aes")),
        ("pclmulqdq", std::arch::is_x86_feature_detected!("pclmulqdq")),
        ("bmi1", std::arch::is_x86_feature_detected!("bmi1")),
        ("adx", std::arch::is_x86_feature_detected!("adx")),
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
    ];
    lacking(&features)
}

/// Names of the features this processor lacks.
#[cfg(target_arch = "aarch64")]
fn missing() -> Vec<&'static str> {
    let features = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("aes", std::arch::is_aarch64_feature_detected!("aes")),
        ("pmull", std::arch::is_aarch64_feature_detected!("pmull")),
        ("sha2", std::arch::is_aarch64_feature_detected!("sha2")),
    ];
    lacking(&features)
}

fn lacking(features: &[(&'static str, bool)]) -> Vec<&'static str> {
    features.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_processor_lacks_is_named() {
        assert_eq!(lacking(&[("aes", true), ("adx", false), ("avx2", false)]), ["adx", "avx2"]);
        let text = TlsError::Processor("adx, avx2".into()).to_string();
        assert!(text.contains("adx, avx2") && text.contains("proxy"), "{text}");
    }

    #[test]
    fn our_list_of_features_is_the_librarys() {
        assert_eq!(missing().is_empty(), graviola::util::is_cpu_supported());
    }
}
