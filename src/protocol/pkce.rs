//! RFC 7636: the code goes only to whoever holds the verifier. S256 alone; there is no `plain` and no
//! option to go without (R030).

use super::base64url;
use super::secret::Secret;

/// The verifier (section 4.1): 32 random bytes make 43 characters.
pub fn verifier(random: &[u8; 32]) -> Secret {
    Secret::new(base64url::encode(random))
}

/// The challenge of a verifier (section 4.2).
pub fn challenge(verifier: &Secret) -> alloc::string::String {
    verifier.fingerprint()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r029_the_vector_of_appendix_b() {
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = verifier(&random);
        assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
