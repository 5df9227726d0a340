"""Signing in, open to everybody, and one's own account; who may open that is said by segments."""

from django.urls import path

from accounts.views import account, sign_in

app_name = "accounts"

urlpatterns = [
    path("login/", sign_in.login, name="login"),
    path("login/verify/", sign_in.verify, name="verify"),
    path("login/recovery/", sign_in.recovery, name="recovery"),
    path("login/enrol/", sign_in.enrol, name="enrol"),
    path("login/codes/", sign_in.codes, name="codes"),
    path("logout/", sign_in.logout, name="logout"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/codes/", account.new_codes, name="account-codes"),
    path("account/enrol/", account.new_app, name="account-enrol"),
    path("account/factors/<int:pk>/remove/", account.remove_app, name="factor-remove"),
    path("account/sessions/<slug:key_hash>/end/", account.end_session, name="session-end"),
    path("account/sessions/end-others/", account.end_other_sessions, name="sessions-end-others"),
]
