//! Law 5: an error says whose fault it is, under a stable code. What a server wrote stays in a field
//! of its own and never reaches the message (RFC 6749, section 10.14).

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use super::json::Object;

/// Whose it is to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program that called: options, order of calls, a URL.
    Caller,
    /// The authorization server or an API: it refused, or is set up wrongly.
    Server,
    /// An answer that did not pass a check; it may be forged.
    Response,
    /// No answer came.
    Network,
    /// This program or the platform beneath it.
    Internal,
}

macro_rules! codes {
    ($($name:ident $text:literal $fault:ident $advice:literal,)*) => {
        /// The stable codes of the public contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $advice] $name,)* }

        impl Code {
            /// As in the public contract, for example `state_unknown`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Whose fault an error of this code is.
            pub fn fault(self) -> Fault {
                match self { $(Code::$name => Fault::$fault,)* }
            }

            /// What happened and what to do, for people.
            pub fn advice(self) -> &'static str {
                match self { $(Code::$name => $advice,)* }
            }
        }
    };
}

codes! {
    ConfigInvalid "config_invalid" Caller "An option or argument is missing, unknown or malformed; `detail` names it.",
    UrlInvalid "url_invalid" Caller "A URL cannot be used: it does not parse, carries user info, or has a fragment.",
    UrlInsecure "url_insecure" Caller "Plain http is refused beyond loopback; use https.",
    Unsupported "unsupported" Caller "This runtime or this version cannot do that; `detail` says what.",
    Closed "closed" Caller "The session or client was closed; make a new one.",
    Aborted "aborted" Caller "The call was aborted.",
    NetworkError "network_error" Network "The server was not reached. Offline, blocked, or in a page refused by the server's CORS rules.",
    Timeout "timeout" Network "The server did not answer in time.",
    RedirectRefused "redirect_refused" Server "A redirect was answered where none is followed.",
    ResponseTooLarge "response_too_large" Response "The answer is larger than the limit.",
    ResponseContentType "response_content_type" Response "The answer is not declared as JSON; is this the right URL?",
    ResponseNotJson "response_not_json" Response "The answer is not the JSON that the specification asks for.",
    ResponseStatus "response_status" Server "The server answered with a status that means failure.",
    MetadataIssuerMismatch "metadata_issuer_mismatch" Response "The server's metadata names another issuer; set `issuer` to exactly what it says if you trust it.",
    MetadataInvalid "metadata_invalid" Server "The server's metadata is missing or malformed; `detail` names the member.",
    MetadataUnsupported "metadata_unsupported" Server "The server does not offer what a safe sign-in needs; `detail` says what.",
    JwksInvalid "jwks_invalid" Server "The server's key set is malformed.",
    JwksKeyNotFound "jwks_key_not_found" Response "No single key of the server fits this token.",
    StateMissing "state_missing" Response "The callback carries no state.",
    StateUnknown "state_unknown" Response "This callback belongs to no sign-in that is under way here; start again.",
    CallbackDuplicateParam "callback_duplicate_param" Response "A parameter stands twice in the callback.",
    CallbackMalformed "callback_malformed" Response "The callback is not what the specification allows.",
    CallbackUnexpectedToken "callback_unexpected_token" Response "The callback carries a token, which this flow never asks for.",
    RedirectUriMismatch "redirect_uri_mismatch" Response "The callback came to another address than the redirect URI.",
    IssuerMismatch "issuer_mismatch" Response "The callback comes from another issuer: a mix-up, perhaps an attack.",
    IssuerMissing "issuer_missing" Response "The server says it names itself in callbacks, and this one does not.",
    AuthorizationError "authorization_error" Server "The authorization server refused; `error` has its reason.",
    TokenError "token_error" Server "The token endpoint refused; `error` has its reason.",
    TokenResponseInvalid "token_response_invalid" Response "The token response does not hold what it must; `detail` names the member.",
    TokenTypeUnsupported "token_type_unsupported" Response "The server issued a type of token that was not asked for.",
    TokenBindingDowngrade "token_binding_downgrade" Response "The server changed how the token is bound.",
    IdTokenMissing "id_token_missing" Response "The server sent no id_token although openid was asked for.",
    IdTokenInvalid "id_token_invalid" Response "The id_token failed a check; `detail` names it. Nothing was kept.",
    JarmInvalid "jarm_invalid" Response "The signed answer failed a check; `detail` names it. Nothing of it was used.",
    UserinfoInvalid "userinfo_invalid" Response "The user info is malformed or of another person; nothing of it was used.",
    LoginRequired "login_required" Caller "Only a new sign-in helps.",
    LoginLoop "login_loop" Caller "Sign-ins follow each other without end: something sends the signed-in person back to sign in.",
    PopupBlocked "popup_blocked" Caller "The browser blocked the popup; sign in from a click.",
    PopupClosed "popup_closed" Caller "The popup was closed before the sign-in was done.",
    StorageUnavailable "storage_unavailable" Internal "The browser's storage refused; a sign-in needs it to come back.",
    StorageCorrupt "storage_corrupt" Internal "Stored text was not ours or was damaged; it was removed.",
    UrlNotAllowed "url_not_allowed" Caller "No token is sent there: the URL is not under `allowedUrls`.",
    InsufficientScope "insufficient_scope" Caller "The API wants more scope than the token has; `response` names it.",
    StepUpRequired "step_up_required" Caller "The API wants a stronger or a more recent sign-in; `response` says which.",
    DpopNonceRejected "dpop_nonce_rejected" Server "The server wants a DPoP nonce and sends none that can be read or that it takes; for a page its CORS rules must expose DPoP-Nonce.",
    LogoutStateMismatch "logout_state_mismatch" Response "The way back from the provider's logout is not the one that was asked for.",
    TokenInvalid "token_invalid" Response "The token failed a check.",
    InstancePoisoned "instance_poisoned" Internal "The WebAssembly instance failed and was dropped; call again.",
}

/// What a server said of its refusal: untrusted text, filtered and capped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refusal {
    /// The `error` member or parameter.
    pub error: String,
    /// `error_description`, if any.
    pub description: Option<String>,
    /// `error_uri`, if it is an http(s) URL.
    pub uri: Option<String>,
    /// The whole answer, where it was JSON.
    pub response: Option<Object>,
    /// What a sign-in that would help asks for, as options of `signIn`.
    pub sign_in: Option<Object>,
}

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    code: Code,
    detail: Option<Cow<'static, str>>,
    status: Option<u16>,
    retry_after: Option<u32>,
    refusal: Option<Refusal>,
}

/// One failure, as every ring speaks of it. Many may wait for the same one, so clones share it.
#[derive(Clone, PartialEq)]
pub struct Error(Rc<Inner>);

impl Error {
    /// An error of that code and nothing more.
    #[cold]
    #[inline(never)] // Failing is rare and stands in many places: it is a call, here and below.
    pub fn new(code: Code) -> Error {
        Error(Rc::new(Inner { code, detail: None, status: None, retry_after: None, refusal: None }))
    }

    /// Names the member, claim or cause. Never a secret, never a server's text.
    #[cold]
    #[inline(never)]
    pub fn detail(self, detail: &'static str) -> Error {
        self.with(|inner| inner.detail = Some(Cow::Borrowed(detail)))
    }

    /// Names what only the caller's own text can name.
    #[cold]
    #[inline(never)]
    pub fn named(self, detail: String) -> Error {
        self.with(|inner| inner.detail = Some(Cow::Owned(detail)))
    }

    /// The same failure under another code: of another kind of token.
    #[cold]
    #[inline(never)]
    pub fn recoded(self, code: Code) -> Error {
        self.with(|inner| inner.code = code)
    }

    /// The HTTP status that came with it.
    #[cold]
    #[inline(never)]
    pub fn status(self, status: u16) -> Error {
        self.with(|inner| inner.status = Some(status))
    }

    /// Seconds that the server asked to wait.
    #[cold]
    #[inline(never)]
    pub fn retry_after(self, seconds: Option<u32>) -> Error {
        self.with(|inner| inner.retry_after = seconds)
    }

    /// The server's own words.
    #[cold]
    #[inline(never)]
    pub fn refusal(self, refusal: Refusal) -> Error {
        self.with(|inner| inner.refusal = Some(refusal))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Error {
        // Errors are finished before they are shared.
        if let Some(inner) = Rc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Which member, claim or cause.
    pub fn detail_text(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The HTTP status, where an answer came.
    pub fn http_status(&self) -> Option<u16> {
        self.0.status
    }

    /// Seconds to wait before another try, where the server said so.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// What the server said.
    pub fn server(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The server's `error`, where it sent one.
    pub fn server_error(&self) -> Option<&str> {
        self.0.refusal.as_ref().map(|refusal| refusal.error.as_str())
    }

    /// The same call may succeed later.
    pub fn retryable(&self) -> bool {
        let transient = matches!(self.0.status, Some(408 | 429 | 500..=599));
        match self.0.code {
            Code::NetworkError | Code::Timeout | Code::InstancePoisoned => true,
            Code::TokenError | Code::AuthorizationError => {
                transient
                    || matches!(
                        self.server_error(),
                        Some(
                            "temporarily_unavailable"
                                | "server_error"
                                | "slow_down"
                                | "authorization_pending"
                        )
                    )
            }
            _ => transient,
        }
    }

    /// Only a new sign-in helps.
    pub fn login_required(&self) -> bool {
        match self.0.code {
            Code::LoginRequired | Code::StepUpRequired => true,
            Code::TokenError => self.server_error() == Some("invalid_grant"),
            _ => false,
        }
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error::new(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.code.as_str())?;
        if let Some(detail) = &self.0.detail {
            out.write_str(" (")?;
            out.write_str(detail)?;
            out.write_str(")")?;
        }
        out.write_str(": ")?;
        out.write_str(self.0.code.advice())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_holds_no_text_of_a_server() {
        let error = Error::new(Code::TokenError).status(400).refusal(Refusal {
            error: "canary-error".into(),
            description: Some("canary-description".into()),
            ..Refusal::default()
        });
        assert!(!error.to_string().contains("canary"));
        assert!(!format!("{error:?}").contains("canary"));
        assert_eq!(error.server_error(), Some("canary-error"));
    }

    #[test]
    fn a_busy_server_is_retryable_and_a_refusal_is_not() {
        assert!(Error::new(Code::ResponseStatus).status(503).retryable());
        assert!(Error::new(Code::Timeout).retryable());
        assert!(!Error::new(Code::ResponseStatus).status(404).retryable());
        let refusal = Refusal { error: "invalid_grant".into(), ..Refusal::default() };
        let refused = Error::new(Code::TokenError).status(400).refusal(refusal);
        assert!(!refused.retryable());
        assert!(refused.login_required());
    }
}
