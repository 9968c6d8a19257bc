// The public class TokenClient, and the way in.

import { KEY, connected, dispose, inspect, redacted } from './grantkit.js'

export class TokenClient {
  #connection

  constructor(key, connection) {
    if (key !== KEY) throw new TypeError('Use createTokenClient')
    this.#connection = connection
  }

  getAccessToken(options) {
    return this.#connection.token(options)
  }
  fetch(input, init, options) {
    return this.#connection.call('fetch', input, init, options)
  }
  requestToken(request) {
    return this.#connection.call('requestToken', request)
  }
  clientCredentials(request) {
    return this.#connection.call('clientCredentials', request)
  }
  authorizationCode(request) {
    return this.#connection.call('authorizationCode', request)
  }
  refreshToken(request) {
    return this.#connection.call('refreshToken', request)
  }
  deviceCode(request) {
    return this.#connection.call('deviceCode', request)
  }
  backchannel(request) {
    return this.#connection.call('backchannel', request)
  }
  tokenExchange(request) {
    return this.#connection.call('tokenExchange', request)
  }
  jwtBearer(request) {
    return this.#connection.call('jwtBearer', request)
  }
  password(request) {
    return this.#connection.call('password', request)
  }
  authorizationRequest(request) {
    return this.#connection.call('authorizationRequest', request)
  }
  callback(answer, request, options) {
    return this.#connection.call('callback', answer, request, options)
  }
  validateIdToken(idToken, expected) {
    return this.#connection.call('validateIdToken', idToken, expected)
  }
  endSessionUrl(request) {
    return this.#connection.call('endSessionUrl', request)
  }
  metadata(options) {
    return this.#connection.call('metadata', options)
  }
  userInfo(accessToken, expectedSubject, options) {
    return this.#connection.call('userInfo', accessToken, expectedSubject, options)
  }
  revoke(token, options) {
    return this.#connection.call('revoke', token, options)
  }
  introspect(token, options) {
    return this.#connection.call('introspect', token, options)
  }
  deviceAuthorization(request) {
    return this.#connection.call('deviceAuthorization', request)
  }
  pollDevice(response, options) {
    return this.#connection.call('pollDevice', response, options)
  }
  backchannelAuthentication(request) {
    return this.#connection.call('backchannelAuthentication', request)
  }
  pollBackchannel(response, options) {
    return this.#connection.call('pollBackchannel', response, options)
  }
  validateBackchannelNotification(request, expected) {
    return this.#connection.call('validateBackchannelNotification', request, expected)
  }
  pushAuthorization(parameters, options) {
    return this.#connection.call('pushAuthorization', parameters, options)
  }
  register(metadata, options) {
    return this.#connection.call('register', metadata, options)
  }
  updateRegistration(registration, metadata, options) {
    return this.#connection.call('updateRegistration', registration, metadata, options)
  }
  deleteRegistration(registration, options) {
    return this.#connection.call('deleteRegistration', registration, options)
  }
  validateLogoutToken(logoutToken, options) {
    return this.#connection.call('validateLogoutToken', logoutToken, options)
  }
  acceptThirdPartyLogin(request, options) {
    return this.#connection.call('acceptThirdPartyLogin', request, options)
  }
  discoverResource(resource, options) {
    return this.#connection.call('discoverResource', resource, options)
  }
  close() {
    this.#connection.close()
  }
  [dispose]() {
    this.close()
  }
  toJSON() {
    return redacted()
  }
  toString() {
    return redacted()
  }
  [inspect]() {
    return 'TokenClient [redacted]'
  }
}

/** The way in, by `openClient` of an instance's glue. */
export function clients(instance, openClient) {
  return async function createTokenClient(options) {
    return new TokenClient(KEY, await connected(instance, openClient, options))
  }
}
