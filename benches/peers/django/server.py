"""The server of Django in the comparison: its forms and reset tokens behind three JSON routes."""

import json
import os
import re
from pathlib import Path

import django.contrib.admin
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.core.wsgi import get_wsgi_application


class EqualArgon2(Argon2PasswordHasher):
    """Argon2id with the parameters of all peers."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1


VALIDATORS = ["UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword"]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    # The validators of a new project.
    AUTH_PASSWORD_VALIDATORS=[
        {"NAME": f"django.contrib.auth.password_validation.{name}Validator"} for name in VALIDATORS
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                "transaction_mode": "IMMEDIATE",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    PASSWORD_HASHERS=["server.EqualArgon2"],
    ROOT_URLCONF="server",
    SECRET_KEY="a secret of the comparison, which protects nothing",
    # The body of the mail comes with the pages for administrators.
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "DIRS": [Path(django.contrib.admin.__file__).parent / "templates"],
        }
    ],
)
application = get_wsgi_application()

# What follows needs the settings.
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.tokens import default_token_generator  # noqa: E402
from django.core import mail  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponseForbidden, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.http import urlsafe_base64_decode  # noqa: E402


def owner(body):
    """Returns the user of a link if its token is valid, as Django's own view does."""
    user = User.objects.get(pk=urlsafe_base64_decode(body["uid"]).decode())
    return user if default_token_generator.check_token(user, body["token"]) else None


def start(request):
    form = PasswordResetForm(json.loads(request.body))
    if not form.is_valid():
        return HttpResponseForbidden()
    form.save(domain_override="127.0.0.1")
    return JsonResponse({})


def verify(request):
    return JsonResponse({}) if owner(json.loads(request.body)) else HttpResponseForbidden()


def submit(request):
    body = json.loads(request.body)
    passwords = {"new_password1": body["password"], "new_password2": body["password"]}
    user = owner(body)
    form = SetPasswordForm(user, passwords) if user else None
    if not form or not form.is_valid():
        return HttpResponseForbidden()
    form.save()
    return JsonResponse({})


def mails(_request):
    sent = [
        {"to": message.to[0], "secret": re.search(r"/reset/(\S+)/", message.body)[1]}
        for message in getattr(mail, "outbox", [])
    ]
    mail.outbox = []
    return JsonResponse(sent, safe=False)


urlpatterns = [
    path("start", start),
    path("verify", verify),
    path("submit", submit),
    path("mails", mails),
    # Only reversed, for the link in the mail.
    path("reset/<uidb64>/<token>/", verify, name="password_reset_confirm"),
]

call_command("migrate", verbosity=0)
password = make_password("the old password 1")
User.objects.bulk_create(
    User(username=f"person{person}", email=f"person{person}@example.com", password=password)
    for person in range(int(os.environ["PEOPLE"]))
)
