//! RFC 6749, section 4, and the grants beside it: what each sends of its own, behind which comes what the
//! wish asks for. One request each; nothing is cached.

use alloc::string::String;

use crate::protocol::authorize::Wish;
use crate::protocol::error::Error;
use crate::protocol::form::Form;
use crate::protocol::secret::Secret;
use crate::protocol::{assertion, ciba, device, exchange};

use super::config::invalid;
use super::host::Edge;
use super::server::Granted;
use super::token_client::TokenClient;

/// A parameter of a grant's own.
pub struct Parameter {
    /// The option that it is given by.
    pub option: &'static str,
    /// As it is sent.
    pub name: &'static str,
    /// Whether it must be there, with something in it.
    pub required: bool,
}

/// A grant by name.
pub struct Grant {
    /// The call of the public contract.
    pub name: &'static str,
    /// As it is sent.
    pub grant_type: &'static str,
    /// In this order.
    pub parameters: &'static [Parameter],
    /// Whether it starts something: then the client's own scope goes with it.
    pub defaults: bool,
}

const fn required(option: &'static str, name: &'static str) -> Parameter {
    Parameter { option, name, required: true }
}

const fn optional(option: &'static str, name: &'static str) -> Parameter {
    Parameter { option, name, required: false }
}

/// RFC 6749, section 4.4
pub static CLIENT_CREDENTIALS: Grant = Grant {
    name: "clientCredentials",
    grant_type: "client_credentials",
    parameters: &[],
    defaults: true,
};

/// RFC 6749, section 4.1.3
pub static AUTHORIZATION_CODE: Grant = Grant {
    name: "authorizationCode",
    grant_type: "authorization_code",
    parameters: &[
        required("code", "code"),
        optional("redirectUri", "redirect_uri"),
        optional("codeVerifier", "code_verifier"),
    ],
    defaults: false,
};

/// RFC 6749, section 6
pub static REFRESH_TOKEN: Grant = Grant {
    name: "refreshToken",
    grant_type: "refresh_token",
    parameters: &[required("refreshToken", "refresh_token")],
    defaults: false,
};

/// RFC 8628, section 3.4
pub static DEVICE_CODE: Grant = Grant {
    name: "deviceCode",
    grant_type: device::GRANT,
    parameters: &[required("deviceCode", "device_code")],
    defaults: false,
};

/// OpenID Connect CIBA Core 1.0, section 10.1
pub static BACKCHANNEL: Grant = Grant {
    name: "backchannel",
    grant_type: ciba::GRANT,
    parameters: &[required("authReqId", "auth_req_id")],
    defaults: false,
};

/// RFC 8693, section 2.1
pub static TOKEN_EXCHANGE: Grant = Grant {
    name: "tokenExchange",
    grant_type: exchange::GRANT,
    parameters: &[
        required("subjectToken", "subject_token"),
        required("subjectTokenType", "subject_token_type"),
        optional("actorToken", "actor_token"),
        optional("actorTokenType", "actor_token_type"),
        optional("requestedTokenType", "requested_token_type"),
    ],
    defaults: true,
};

/// RFC 7523, section 2.1
pub static JWT_BEARER: Grant = Grant {
    name: "jwtBearer",
    grant_type: assertion::GRANT,
    parameters: &[required("assertion", "assertion")],
    defaults: true,
};

/// RFC 6749, section 4.3
pub static PASSWORD: Grant = Grant {
    name: "password",
    grant_type: "password",
    parameters: &[required("username", "username"), required("password", "password")],
    defaults: true,
};

/// All of them.
pub static GRANTS: [&Grant; 8] = [
    &CLIENT_CREDENTIALS,
    &AUTHORIZATION_CODE,
    &REFRESH_TOKEN,
    &DEVICE_CODE,
    &BACKCHANNEL,
    &TOKEN_EXCHANGE,
    &JWT_BEARER,
    &PASSWORD,
];

impl Grant {
    /// The request's own part, by what is given for each option; each is asked for once.
    pub fn form(&self, given: &dyn Fn(&'static str) -> Option<Secret>) -> Result<Form, Error> {
        let mut form = Form::new();
        form.push("grant_type", self.grant_type);
        let mut missing = None;
        for Parameter { option, name, required } in self.parameters {
            let value = given(option);
            form.push_some(name, value.as_ref().map(Secret::expose));
            if *required && form.value(name).is_none_or(str::is_empty) {
                missing = missing.or(Some(*option));
            }
        }
        // RFC 8693, section 2.1: the type goes with the token, and only with it.
        if form.has("actor_token") != form.has("actor_token_type") {
            missing = missing.or(Some("actorTokenType"));
        }
        missing.map_or(Ok(form), |option| Err(invalid(option)))
    }
}

/// What an exchange of tokens sends (RFC 8693, section 2.1).
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `subject_token`
    pub subject_token: Secret,
    /// `subject_token_type`
    pub subject_token_type: String,
    /// `actor_token` and `actor_token_type`: the one goes with the other.
    pub actor: Option<(Secret, String)>,
    /// `requested_token_type`
    pub requested_token_type: Option<String>,
}

impl<H: Edge> TokenClient<H> {
    /// A token by client credentials that nobody shares; [`TokenClient::access_token`] has one from the
    /// cache.
    pub async fn client_credentials(
        &self,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.by(&CLIENT_CREDENTIALS, &|_| None, wish, abort).await
    }

    /// Spends a code that came to another program's callback. [`TokenClient::callback`] checks the
    /// answer that it came in, too.
    pub async fn authorization_code(
        &self,
        code: &Secret,
        redirect_uri: Option<&str>,
        code_verifier: Option<&Secret>,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        let given = |option| match option {
            "code" => Some(code.clone()),
            "redirectUri" => redirect_uri.map(Secret::new),
            _ => code_verifier.cloned(),
        };
        self.by(&AUTHORIZATION_CODE, &given, wish, abort).await
    }

    /// New tokens for a refresh token.
    pub async fn refresh_token(
        &self,
        refresh_token: &Secret,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.by(&REFRESH_TOKEN, &|_| Some(refresh_token.clone()), wish, abort).await
    }

    /// Asks once for the tokens of a device; while the person has not decided, the server refuses with
    /// `authorization_pending`, which is retryable.
    pub async fn device_code(
        &self,
        device_code: &Secret,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.by(&DEVICE_CODE, &|_| Some(device_code.clone()), wish, abort).await
    }

    /// The same for a sign-in that was asked for on another device (CIBA).
    pub async fn backchannel(
        &self,
        auth_req_id: &Secret,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.by(&BACKCHANNEL, &|_| Some(auth_req_id.clone()), wish, abort).await
    }

    /// Exchanges a token for another.
    pub async fn token_exchange(
        &self,
        exchange: &Exchange,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        let actor = exchange.actor.as_ref();
        let given = |option| match option {
            "subjectToken" => Some(exchange.subject_token.clone()),
            "subjectTokenType" => Some(Secret::new(exchange.subject_token_type.as_str())),
            "actorToken" => actor.map(|(token, _)| token.clone()),
            "actorTokenType" => actor.map(|(_, kind)| Secret::new(kind.as_str())),
            _ => exchange.requested_token_type.as_deref().map(Secret::new),
        };
        self.by(&TOKEN_EXCHANGE, &given, wish, abort).await
    }

    /// A token for an assertion of somebody whom the server trusts.
    pub async fn jwt_bearer(
        &self,
        assertion: &Secret,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.by(&JWT_BEARER, &|_| Some(assertion.clone()), wish, abort).await
    }

    /// A token for a person's password. OAuth 2.1 drops it; it is here because token servers have it.
    pub async fn password(
        &self,
        username: &str,
        password: &Secret,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        let given = |option| match option {
            "username" => Some(Secret::new(username)),
            _ => Some(password.clone()),
        };
        self.by(&PASSWORD, &given, wish, abort).await
    }

    async fn by(
        &self,
        grant: &Grant,
        given: &dyn Fn(&'static str) -> Option<Secret>,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        let form = grant.form(given)?;
        self.grant(form, wish, grant.defaults, abort).await
    }
}
