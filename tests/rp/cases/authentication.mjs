// Client authentication beyond the Basic plan, in the module that every plan begins with; and where a
// client goes that shows who it is by its connection.

import { basic } from './basic.mjs'

export const authentication = {
  'oidcc-client-test': basic['oidcc-client-test'],

  /** The token endpoint is nowhere but under its alias. The certificate is the runtime's affair. */
  'oidcc-client-test-mtls-endpoint-aliases': {
    variants: ['self_signed_tls_client_auth'],
    run: ({ reachesUserInfo }) =>
      reachesUserInfo({
        metadata(document) {
          document.mtls_endpoint_aliases = { token_endpoint: document.token_endpoint }
          document.token_endpoint = `${document.issuer}nowhere`
        },
      }),
  },
}
