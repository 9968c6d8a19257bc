"""An OpenID provider of django-oauth-toolkit on a free port of loopback, over a fresh database.

Its first line of input is JSON: {"folder", "people": [{"name", "password", "email", "since"}],
"applications": [fields of oauth2_provider's Application]}; "since" is when the person signed in, now
if it is missing. It prints a line of JSON, {"port"}, once it serves, and ends with its input, so that
it never outlives who began it.
"""

import json
import os
import sys
import threading

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

LOGIN_PAGE = """<!doctype html><title>Sign in</title>
<form method="post">{% csrf_token %}<input type="hidden" name="next" value="{{ next }}">{{ form }}</form>"""


def private_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def configure(origin, folder):
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.path.join(folder, "django.db"),
                # Two requests that write wait for each other.
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"],
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": LOGIN_PAGE},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                },
            }
        ],
        # What these people have to hide is in the repository.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGIN_URL="/accounts/login/",
        STATIC_URL="/static/",
        USE_TZ=True,
        LOGGING_CONFIG=None,
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": private_key(),
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
            "OAUTH_DEVICE_VERIFICATION_URI": f"{origin}/o/device/",
            "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": origin + "/o/device/?user_code={user_code}",
            "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "REQUEST_APPROVAL_PROMPT": "auto",
            "SCOPES": {
                "openid": "Who you are",
                "profile": "Your name",
                "email": "Your mail address",
                "orders": "Your orders",
                "introspection": "What tokens say",
            },
        },
    )


def build(order, origin):
    """The application, its tables, people and clients."""
    configure(origin, order["folder"])
    django.setup()
    from django.contrib.auth import get_user_model, user_logged_in
    from django.contrib.auth.views import LoginView
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path
    from oauth2_provider.models import Application
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class OpenValidator(OAuth2Validator):
        def get_additional_claims(self, request):
            return {
                "name": request.user.get_full_name(),
                "preferred_username": request.user.get_username(),
                "email": request.user.email,
            }

        # The view lets nobody come this far without a session.
        def validate_silent_login(self, request):
            return True

        def validate_silent_authorization(self, request):
            return True

    module = sys.modules[__name__]
    module.Validator = OpenValidator
    module.urlpatterns = [
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("accounts/login/", LoginView.as_view()),
    ]

    user_logged_in.disconnect(dispatch_uid="update_last_login")
    call_command("migrate", verbosity=0, interactive=False)
    for person in order["people"]:
        get_user_model().objects.create_user(
            username=person["name"],
            password=person["password"],
            email=person["email"],
            first_name=person["name"].capitalize(),
            last_login=person.get("since"),
        )
    for application in order["applications"]:
        Application.objects.create(**application)
    return get_wsgi_application()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


class Handler(WSGIRequestHandler):
    def log_message(self, format, *args):
        pass


def main():
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_input, daemon=True).start()
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    server.set_app(build(order, f"http://127.0.0.1:{port}"))
    print(json.dumps({"port": port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
