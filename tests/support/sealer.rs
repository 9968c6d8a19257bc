//! What WebCrypto does in a browser, done by ring: HKDF-SHA256 and AES-256-GCM for native tests.

use grantkit::protocol::sealed::{self, IV, Sealed};
use ring::{aead, hkdf};

/// Seals a text under that IV.
pub(crate) fn seal(secret: &[u8], context: &str, iv: [u8; IV], text: &str) -> String {
    let mut data = text.as_bytes().to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(iv);
    key(secret, context)
        .seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut data)
        .expect("ring seals");
    sealed::text(&iv, &data)
}

/// The text in a seal.
pub(crate) fn unseal(secret: &[u8], context: &str, seal: &str) -> Option<String> {
    let sealed = Sealed::parse(seal)?;
    let (iv, data) = sealed.parts();
    let nonce = aead::Nonce::try_assume_unique_for_key(iv).ok()?;
    let mut data = data.to_vec();
    let text = key(secret, context).open_in_place(nonce, aead::Aad::empty(), &mut data).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

fn key(secret: &[u8], context: &str) -> aead::LessSafeKey {
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
    let info = [context.as_bytes()];
    let bytes = derived.expand(&info, &aead::AES_256_GCM).expect("ring expands");
    aead::LessSafeKey::new(aead::UnboundKey::from(bytes))
}
