//! An authorization server's signing keys, for native tests.

use std::sync::OnceLock;

use grantkit::protocol::base64url;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};

/// PKCS#8. ring makes no RSA keys, so these two stand here; they sign nothing but tests.
const RSA_ONE: &str = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDhw8A_QA7ixX-GnXtfkoFlaW5JnfpJrFevsaudCSY7Z4yFEynmSTGmkYTXjTh2scYcS1FnD01dZKHSsEUorfhGjdW5ZLOtrys-hS8E4SanXoL9d8NX41vaxL6__hl4OyXeNcn1tcg5ZiNv9iAdEcOtTnqEkrEGTR0I7YEt1rdN8UPGnq_bOgpudqsB7A-D_7rS6ZWd6mcM4LKy3hoUotQjDvCkoDDIJlW1iAXVJNNiNq67RqJ84W4lOCUXyrE-27lNb-2jOSthZm3Bp7xZ1rfS2bsikvHKOKuKSbznnMSq6AxA43Z5iSSVCGorjBKs30OTVKx4c3Hy-3XfSpdkGbahAgMBAAECggEAWNV5Ioo2sUWMMfBqmMchkkFji6UVVILzd-cdw2tTt2E92ikZvgsD9ephjp17X70A2qZKUBal1v9fa3M_q0uVG1H5DHuS9d8s0Wt_fliHqKjYOxsyarVEMfdjpVE7PWNsuZyJrNzL_cXyYL5EkZupVtq_-8Vq0bNrHtWxlFNeClUNGdGxidR8EuCsSY4la08MtmHqxIsE6KJTbo1fiYJgH6sZMGs_gi3_LaEVqzWuDzZA9QeCSZB03uH4BcdGhRuvTNa3Oa2IMMS0hu2gjmLF_HSoFD4pm8kvUgUNAAcwqQ_B-bkNvIYsGgj5AYjenmIdjhuw7imj-pRZdJipnY2QrwKBgQD2TO0t65Q6hmo-NoBoK50dozKtx91LUYDjxvn8EL4w13DF_TSI1xXVkQr0KjYVKSUwEI7xK2qoNIO8J-aSPp2CBTuOV12XnTjy1-vvtiKLDmVh8OrP2qdUCkZRuE3ZfIQMP7pxDgXuU2b-4gl17YSLqqQ-J_gyGbyZHYcX1UPFVwKBgQDqp8r1JGBTt6fPbMjJbRQ2iK57Fok5iX9JfW1WGcD-HBvMQprERl1ZYA39VrIxn7BHtid0th1E92wQ0zA3PVVjHF2R4whs0Ej3Qsy5viRR3Qh1UajytQ2qSB0zHVub3VhUgsK-5AklDOGS5FozpQ39sMvM0ZSHIRxk-Yi07g0wxwKBgQCvP4cXQGMEzXU09QSimj29w8wgeHBN0h06dO6UWrlo-TIFvicuIpQnlH9NwecfYVpTe8SpdvH54vvE2kMl1aWuyNhabHFsmnLV36rBsj-b389lQ81fvb2Hf5QPO2sxD3bJXGLlZEv2CqPjQaPno-vGkNEyZLAlvchCzg68d4M0GwKBgAHlzXxiCO1kZNUGmjEW0r0GKfMQ4Zc3h3H-s62ok6j6bTcfqsS_lO2uGy7bTqGcGv7ZeEQ3XNE79wHD03X-5vvgNNmDLoRCwvRM8_7kjMKkuPbJ7EXaNPwVjTbmm-EMzzQPwqdsjK5iBkj708brJMvSbDOB1mOpXuNqKTLdYfntAoGBAOmakxYXm7IPATxY-FigzpwTNv_NwV5nDNXENQ85pgw-sK5uvP-_IRgtCow0lH1vjGm2SwOy8KyD_QGhQAq8hanVamuu5Bu-VWC7q9gtL6zuq0f_z0WTj8CgtZOit1L9y0OBoHFOLx8g270tJcRH06leop-lvAUqu9kt7rxZx_xr";
const RSA_TWO: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDVSvFCkg8HBfy547j_NdhJbUWb63BHAnMPCctFLjZTLUa6hOAkNwWFb3muc5s3o8faxzV3FhSRysOC0N6I118V_w2fHhZfV_qNWwiJ5PtqCwXI35U6EybI0RMBgKTGOLBcqP1edK8Xrlh-I9Pr4PawEFbiv4ZFCnc0De55PNhBxzGPyS5o745cMWmFiCy_pExqOAokrBch6TlU24LChtZMZqPwT4iXjcvmaoVbE0yiA7xq9nMXO2thCGpY8uiAB02aGxMNPnPdil9AfRGpXASt-iIGDRSB9AlsazjHamXFxTrwH9nezXQghsCwGvJ5P8hXsdE-jvi4J_O2E6YF4eDjAgMBAAECggEAEXKU874g7pEl0Er5ih7sd20x4YRL5fMkWFmTwC_8j6dHfuB5uVyq3fR1frjEPLPwGExtajVrL1Xn0l6lpYoApDr98UMzz07SFxgYRbdufYkzSvBHM733UTwREvFkCTb_7kSAnWZsIELJyF_D6Sq440Qi51-Fa0Zk4-Qz2sUIZ7DuZDnl_-0Ryn-OXEIJUZ65tJXCtSWu9Va8xT4evGXILiwWvGTImMHR07yF3-d4c-ynHm5GdIzocTDjXyyk4vREv2yf01tVRTqgcy5Y3w0XcOd9Ab-bRBT_kaPc8NT2clxjsiql41BVyY2Nm3MDOANtTJqfHwR8BFMtcVsGiBvveQKBgQD5b8GVEerLa4G_8Kjg_JoaYiT_wSogbp6LG9ocPwIaxB8k4as-ueqzL3h3YSZIPjsMLfJzWMeakcE7_zvi7phxral3tIM8xTCfVFvrptwqNsx8BUDn-ZWWcy1vrEifXyyTm67iNkXuS_qoiYcwswCGPAz7kiPekv_JK2c7Wd6nNQKBgQDa57dE06YVDAgbPahacC__7LCoKqntYznFYixUrWuWVeNExr_wBJVEqv2hFKaQwzxXp2OOiBfMIA8kCHCVj3fBVxrH_vMOMTwD7km8RGY8Ekf21iAfLUrvYrSc_1g_PxCzPcpPMKkWei8EegTBMzwXdrYWG8un1dTBCAxzsNAytwKBgQCimwMETcjVUUElQhqliKZhGqfp_h-bQuGh58c48K5LipyO63o6CvMAWqraj_9nywGtP-q03SRKFEh29z0wA8BnIwG94nRHUnkO9OxzY7RU5KJLGxWj4-VrTaxKB3LUSjQCCdRo7V6LKQa_heAWlCp8V3tTKIKvnv6WQvAqFbz7HQKBgHGAphEk4L-W_nkJbkp-UxUS58I6ZON2iJTkw3GgfeF0ZSPbHdhYuADj3CByca8r3BTi8QcNX7Fyigc37RBPVFvGS1eZxPL96k1rd4YLvSq2m-PLwNoJhQo8lsO0zk_05jbZ-hU3eOTzs39RuTdn1megIOezv9QlVmxEPRibfEhfAoGAZ6suzEwI0c6h7KnpL72_xbzouhyP0Ps3h6I4oWd4XA5ILpgdWeWeOlu3JpRyGT68riZ6Q8IOqBoeoug8btFZJ-xSWbJbqkzy98P4NzzzJ90EVUq9thxF-Hen_rzlj0XDWCwMElgLUoVEh2g64B7dZiLAzHWZynSf9O2mw6G9KKk";

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// One key and the name that its JWK has.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pair: Pair,
}

/// 2048 bits.
pub(crate) fn rsa() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::rsa("rsa", RSA_ONE))
}

/// Another of 2048 bits, of somebody else.
pub(crate) fn other_rsa() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::rsa("other-rsa", RSA_TWO))
}

/// P-256, made for this run.
pub(crate) fn p256() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer {
        kid: "p256",
        pair: Pair::P256(curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
    })
}

/// P-384, made for this run.
pub(crate) fn p384() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer {
        kid: "p384",
        pair: Pair::P384(curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
    })
}

/// Ed25519, made for this run.
pub(crate) fn ed25519() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Signer {
            kid: "ed25519",
            pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()),
        }
    })
}

/// The key that signs by an algorithm.
pub(crate) fn signer_for(algorithm: &str) -> &'static Signer {
    match algorithm {
        "ES256" => p256(),
        "ES384" => p384(),
        "EdDSA" | "Ed25519" => ed25519(),
        _ => rsa(),
    }
}

fn curve(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
}

impl Signer {
    fn rsa(kid: &'static str, pkcs8: &str) -> Signer {
        let pair = RsaKeyPair::from_pkcs8(&base64url::decode(pkcs8).unwrap()).unwrap();
        Signer { kid, pair: Pair::Rsa(pair) }
    }

    /// The public key: `kty`, its parameters, `kid` and `use`.
    pub(crate) fn jwk(&self) -> Value {
        let text = base64url::encode;
        let point = |crv: &str, pair: &EcdsaKeyPair| {
            let (x, y) =
                pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
            json!({"kty": "EC", "crv": crv, "x": text(x), "y": text(y)})
        };
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::P256(pair) => point("P-256", pair),
            Pair::P384(pair) => point("P-384", pair),
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        };
        key["kid"] = self.kid.into();
        key["use"] = "sig".into();
        key
    }

    /// A signature; the algorithm matters to RSA keys alone.
    pub(crate) fn sign(&self, algorithm: &str, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, input, &mut out).unwrap();
                out
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                pair.sign(&random, input).unwrap().as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// A compact token of that very header and payload.
    pub(crate) fn compact(&self, algorithm: &str, header: &str, payload: &str) -> String {
        let input = [header, payload].map(|part| base64url::encode(part.as_bytes())).join(".");
        let signed = base64url::encode(&self.sign(algorithm, input.as_bytes()));
        format!("{input}.{signed}")
    }
}

/// A token to be spoilt and signed.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Token {
    /// Header and claims as they are given.
    pub(crate) fn new(header: Value, claims: Value) -> Token {
        match (header, claims) {
            (Value::Object(header), Value::Object(claims)) => Token { header, claims },
            _ => panic!("a token has two objects"),
        }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.claims.insert(name.into(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Token {
        self.claims.remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.header.insert(name.into(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Token {
        self.header.remove(name);
        self
    }

    /// Signed by that key, by the algorithm that the header names (RS256 where it names none).
    pub(crate) fn signed_by(&self, signer: &Signer) -> String {
        let algorithm = self.header.get("alg").and_then(Value::as_str);
        let text = |part: &Map<String, Value>| Value::Object(part.clone()).to_string();
        signer.compact(algorithm.unwrap_or("RS256"), &text(&self.header), &text(&self.claims))
    }

    /// Signed by the key that goes with the algorithm of the header.
    pub(crate) fn signed(&self) -> String {
        let algorithm = self.header.get("alg").and_then(Value::as_str);
        self.signed_by(signer_for(algorithm.unwrap_or("RS256")))
    }
}
