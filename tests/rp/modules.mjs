// The modules of the OpenID Foundation's conformance suite for RPs that use the code flow, by plan; a plan
// has its cases in the file of its name. And those that cannot be met, and why.

const basic = [
  'oidcc-client-test',
  'oidcc-client-test-invalid-iss',
  'oidcc-client-test-missing-sub',
  'oidcc-client-test-invalid-aud',
  'oidcc-client-test-missing-iat',
  'oidcc-client-test-kid-absent-single-jwks',
  'oidcc-client-test-kid-absent-multiple-jwks',
  'oidcc-client-test-idtoken-sig-rs256',
  'oidcc-client-test-idtoken-sig-none',
  'oidcc-client-test-invalid-sig-rs256',
  'oidcc-client-test-userinfo-invalid-sub',
  'oidcc-client-test-nonce-invalid',
  'oidcc-client-test-scope-userinfo-claims',
  'oidcc-client-test-client-secret-basic',
]

const config = [
  'oidcc-client-test-discovery-openid-config',
  'oidcc-client-test-discovery-jwks-uri-keys',
  'oidcc-client-test-discovery-issuer-mismatch',
  'oidcc-client-test-idtoken-sig-none',
  'oidcc-client-test-signing-key-rotation-just-before-signing',
  'oidcc-client-test-signing-key-rotation',
]

const fapi2 = (names) => names.map((name) => `fapi2-security-profile-final-client-test-${name}`)

export const plans = {
  basic,
  'form-post': [...basic, 'oidcc-client-test-form-post-error'],
  config,
  comprehensive: [
    'oidcc-client-test-missing-aud',
    'oidcc-client-test-userinfo-bearer-header',
    'oidcc-client-test-invalid-sig-hs256',
    'oidcc-client-test-invalid-sig-es256',
    'oidcc-client-test-aggregated-claims',
    'oidcc-client-test-distributed-claims',
  ],
  refresh: ['oidcc-client-test-refresh-token', 'oidcc-client-test-refresh-token-invalid-issuer'],
  session: [
    'oidcc-client-test-refresh-token',
    'oidcc-client-test-refresh-token-invalid-issuer',
    'oidcc-client-test-refresh-token-invalid-sub',
    'oidcc-client-test-rp-init-logout',
    'oidcc-client-test-rp-init-logout-other-state',
    'oidcc-client-test-rp-init-logout-no-state',
    'oidcc-client-test-rp-frontchannel-rpinitlogout',
    'oidcc-client-test-rp-frontchannel-opinitlogout',
  ],
  authentication: ['oidcc-client-test', 'oidcc-client-test-mtls-endpoint-aliases'],
  dynamic: [
    ...config,
    'oidcc-client-test-dynamic-registration',
    'oidcc-client-test-userinfo-signed',
  ],
  'third-party': ['oidcc-client-test-3rd-party-init-login'],
  logout: [
    'oidcc-client-test-rp-backchannel-rpinitlogout',
    'oidcc-client-test-rp-backchannel-rpinitlogout-alg-none',
    'oidcc-client-test-rp-backchannel-rpinitlogout-no-event',
    'oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce',
    'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg',
    'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud',
    'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event',
    'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss',
  ],
  fapi2: [
    ...fapi2([
      'happy-path',
      'happy-path-no-dpop-nonce',
      'discovery-issuer-mismatch',
      'invalid-iss',
      'invalid-aud',
      'invalid-secondary-aud',
      'invalid-null-alg',
      'invalid-alternate-alg',
      'invalid-expired-exp',
      'invalid-missing-exp',
      'invalid-missing-aud',
      'invalid-missing-iss',
      'valid-aud-as-array',
      'invalid-nonce',
      'invalid-missing-nonce',
      'invalid-authorization-response-iss',
      'remove-authorization-response-iss',
      'ensure-authorization-response-with-invalid-state-fails',
      'ensure-authorization-response-with-invalid-missing-state-fails',
      'token-endpoint-response-without-expires_in',
      'token-type-case-insensitivity',
      'rs-dpop-auth-scheme-case-insensitivity',
    ]),
    'fapi2-security-profile-final-client-refresh-token-test',
  ],
  'message-signing': fapi2([
    'happy-path',
    'ensure-jarm-without-iss-fails',
    'ensure-jarm-with-invalid-iss-fails',
    'ensure-jarm-without-aud-fails',
    'ensure-jarm-with-invalid-aud-fails',
    'ensure-jarm-without-exp-fails',
    'ensure-jarm-with-expired-exp-fails',
    'ensure-jarm-with-invalid-sig-fails',
    'ensure-jarm-signature-is-not-none',
  ]),
}

const FRONT =
  'only where the authorization endpoint gives tokens; the code flow is the only one here'
const WEBFINGER =
  'the issuer is configured: nothing that a person types says where secrets are sent'
const REFERENCE =
  'request objects are sent or pushed; none is kept at an address for the server to fetch'
const NATIONAL = 'a profile of one country, with rules of its own'
const FRAME =
  'a page has no call for it: where storage is partitioned, the frame of another site sees no session'

export const unmet = {
  'oidcc-client-test-nonce-unless-code-flow': FRONT,
  'oidcc-client-test-missing-chash': FRONT,
  'oidcc-client-test-invalid-chash': FRONT,
  'oidcc-client-test-missing-athash': FRONT,
  'oidcc-client-test-invalid-athash': FRONT,
  'oidcc-client-test-userinfo-bearer-body': 'a token is sent in the header, and nowhere else',
  'oidcc-client-test-discovery-webfinger-acct': WEBFINGER,
  'oidcc-client-test-discovery-webfinger-url': WEBFINGER,
  'oidcc-client-test-request-uri-signed-rs256': REFERENCE,
  'oidcc-client-test-request-uri-signed-none': REFERENCE,
  'oidcc-client-test-session-management': FRAME,
  'fapi2-security-profile-final-client-test-invalid-openbanking-intent-id': NATIONAL,
  'fapi2-security-profile-final-client-brazildcr-happypath-test': NATIONAL,
}
