// Signing keys of the local provider, and JWTs signed by hand, so that a test can sign what no
// honest server would.

import crypto from 'node:crypto'
import { promisify } from 'node:util'

const generateKeyPair = promisify(crypto.generateKeyPair)

// RSA keys take a while to find: providers of one process share them.
const generations = new Map()

/** Private JWKs for RS256, PS256, ES256 and EdDSA; each generation has its own. */
export function signingKeys(generation) {
  if (!generations.has(generation)) generations.set(generation, generate(generation))
  return generations.get(generation)
}

async function generate(generation) {
  const pairs = await Promise.all([
    generateKeyPair('rsa', { modulusLength: 2048 }),
    generateKeyPair('rsa', { modulusLength: 2048 }),
    generateKeyPair('ec', { namedCurve: 'P-256' }),
    generateKeyPair('ed25519'),
  ])
  const names = ['RS256', 'PS256', 'ES256', 'EdDSA']
  return pairs.map(({ privateKey }, i) => ({
    ...privateKey.export({ format: 'jwk' }),
    kid: `${names[i].toLowerCase()}-${generation}`,
    use: 'sig',
    // One Ed25519 key serves both of its names.
    ...(names[i] === 'EdDSA' ? {} : { alg: names[i] }),
  }))
}

/** The key that belongs to an algorithm. */
export function keyFor(keys, alg) {
  return keys.find((key) => (alg.startsWith('Ed') ? key.kty === 'OKP' : key.alg === alg))
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))

/** Header and claims, unchecked. */
export function readJwt(jwt) {
  const [header, payload] = jwt.split('.')
  return { header: decode(header), payload: decode(payload) }
}

/** `secret` is the key of HS256; `none` has no signature at all. */
export function signJwt(payload, { alg, header, jwk, secret }) {
  const input = `${encode(header)}.${typeof payload === 'string' ? payload : encode(payload)}`
  return `${input}.${signature(Buffer.from(input), alg, { jwk, secret }).toString('base64url')}`
}

function signature(input, alg, { jwk, secret }) {
  const key = jwk && crypto.createPrivateKey({ key: jwk, format: 'jwk' })
  switch (alg) {
    case 'none':
      return Buffer.alloc(0)
    case 'HS256':
      return crypto.createHmac('sha256', secret).update(input).digest()
    case 'RS256':
      return crypto.sign('sha256', input, key)
    case 'PS256':
      return crypto.sign('sha256', input, {
        key,
        padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
        saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
      })
    case 'ES256':
      return crypto.sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    case 'EdDSA':
    case 'Ed25519':
      return crypto.sign(null, input, key)
    default:
      throw new Error(`no signature known for ${alg}`)
  }
}

/** True if one of the keys, public or private, signed it by the algorithm of its header. */
export function verifyJwt(jwt, keys) {
  const [header, payload, value] = jwt.split('.')
  const { alg, kid } = decode(header)
  const jwk = keys.find((key) => key.kid === kid)
  if (!jwk) return false
  const key = crypto.createPublicKey({ key: jwk, format: 'jwk' })
  const input = Buffer.from(`${header}.${payload}`)
  const bytes = Buffer.from(value, 'base64url')
  switch (alg) {
    case 'RS256':
      return crypto.verify('sha256', input, key, bytes)
    case 'PS256':
      return crypto.verify(
        'sha256',
        input,
        { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING },
        bytes,
      )
    case 'ES256':
      return crypto.verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, bytes)
    case 'EdDSA':
    case 'Ed25519':
      return crypto.verify(null, input, key, bytes)
    default:
      return false
  }
}

/** Every byte of the signature is changed. */
export function breakSignature(jwt) {
  const [header, payload, value] = jwt.split('.')
  const broken = Buffer.from(value, 'base64url').map((byte) => byte ^ 0x5a)
  return [header, payload, broken.toString('base64url')].join('.')
}
