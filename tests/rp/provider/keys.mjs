// Key sets as the suite makes them. The keys themselves are made once in a process and lent to one set
// after another; what a set calls them is the set's own affair.

import crypto from 'node:crypto'
import { promisify } from 'node:util'

const generateKeyPair = promisify(crypto.generateKeyPair)

const KINDS = {
  rsa: () => generateKeyPair('rsa', { modulusLength: 2048 }),
  p256: () => generateKeyPair('ec', { namedCurve: 'P-256' }),
  k256: () => generateKeyPair('ec', { namedCurve: 'secp256k1' }),
  ed25519: () => generateKeyPair('ed25519'),
}

const pool = new Map()

/** The n-th private key of a kind, as a JWK with nothing but its parameters. */
export function key(kind, n = 0) {
  const name = `${kind} ${n}`
  if (!pool.has(name)) {
    const made = KINDS[kind]().then(({ privateKey }) => privateKey.export({ format: 'jwk' }))
    pool.set(name, made)
  }
  return pool.get(name)
}

/** What of a key is published. */
export function published({ d, p, q, dp, dq, qi, ...rest }) {
  return rest
}

const fits = (alg) => (jwk) => {
  const kind = { RS: 'RSA', PS: 'RSA', ES: 'P-256', Ed: 'Ed25519' }[alg.slice(0, 2)]
  return jwk.use === 'sig' && (jwk.crv ?? jwk.kty) === kind && (jwk.alg ?? alg) === alg
}

function set(keys) {
  return {
    /** As the JWKS endpoint answers. */
    document: { keys: keys.map(published) },
    /** The first private key for an algorithm. */
    signer: (alg) => keys.find(fits(alg)),
  }
}

async function named(kinds, kid) {
  const made = await Promise.all(kinds.map(([kind, n]) => key(kind, n)))
  return made.map((jwk, i) => ({
    ...jwk,
    use: kinds[i][2] ?? 'sig',
    ...(kid ? { kid: `${kid}-${i}` } : {}),
  }))
}

/**
 * The usual set: two RSA and two P-256 keys, one of secp256k1, one of Ed25519, and two for encryption. No
 * `alg` stands beside any of them. Each generation has keys and names of its own.
 */
export async function usualKeys(generation = 0) {
  const first = 2 * generation
  const kinds = [
    ['rsa', first],
    ['rsa', first + 1],
    ['p256', first],
    ['p256', first + 1],
    ['k256', generation],
    ['ed25519', generation],
    ['rsa', first, 'enc'],
    ['p256', first, 'enc'],
  ]
  return set(await named(kinds, `generation-${generation}`))
}

/** No key has a name; so many of them are RSA keys for signatures. */
export async function namelessKeys(rsa) {
  const kinds = [
    ...Array.from({ length: rsa }, (_, n) => ['rsa', n]),
    ['p256', 0],
    ['k256', 0],
    ['ed25519', 0],
    ['rsa', rsa, 'enc'],
    ['p256', 1, 'enc'],
  ]
  return set(await named(kinds))
}

/**
 * FAPI: one key of that algorithm, with decoys of the same name around it, and an RSA key of another
 * name, which an attacker holds.
 */
export async function decoyKeys(alg = 'PS256') {
  const kinds = { EdDSA: 'ed25519', PS256: 'rsa', ES256: 'p256' }
  const others = Object.keys(kinds).filter((name) => name !== alg)
  const algs = [others[0], alg, others[1]]
  const keys = await Promise.all(
    algs.map(async (alg) => ({ ...(await key(kinds[alg])), use: 'sig', kid: 'the-one', alg })),
  )
  const { document, signer } = set(keys)
  const foreign = { ...(await key('rsa', 1)), use: 'sig', kid: 'alternate' }
  document.keys.push(published(foreign))
  return { document, signer: (alg) => (alg === 'RS256' ? foreign : signer(alg)) }
}
