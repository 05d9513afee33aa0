"""Signing in, the client of the other commands, and the balance."""

from __future__ import annotations

import argparse
import getpass
import os
import socket

from kinora import Kinora, KinoraError
from kinora.cli.credentials import StoredCredentials, load_credentials, save_credentials


def build_client(options: argparse.Namespace) -> Kinora:
    """A client with the options, else the environment, else what `login` stored, whose key is for its server only."""
    base_url, api_key = options.base_url, options.api_key or os.environ.get("KINORA_API_KEY")
    has_base_url = bool(base_url or os.environ.get("KINORA_BASE_URL"))
    stored = None if api_key and has_base_url else load_credentials()
    if stored and not has_base_url:
        base_url = stored.base_url
    client = Kinora(api_key=api_key, base_url=base_url)
    if stored and not api_key and client.base_url == stored.base_url:
        return client.with_options(api_key=stored.api_key)
    return client


def run_balance(options: argparse.Namespace) -> int:
    with build_client(options) as client:
        balance = client.billing.balance()
    print(f"{balance.available} credits available, {balance.held} held")
    print(f"  allowance {balance.buckets.allowance.amount}, purchased {balance.buckets.purchased.amount}")
    return 0


def run_login(options: argparse.Namespace) -> int:
    with Kinora(base_url=options.base_url, api_key=options.api_key) as client:
        email = options.email or input("E-mail: ")
        password = getpass.getpass("Password: ")
        authenticate = client.auth.sign_up if options.sign_up else client.auth.log_in
        tokens = authenticate(email=email, password=password)
        signed_in = client.with_options(api_key=tokens.access_token)
        key = signed_in.api_keys.create(name=f"kinora-cli on {socket.gethostname()}"[:100])
        if key.key is None:
            raise KinoraError("The server did not return the secret of the new API key; try again.")
        path = save_credentials(StoredCredentials(base_url=client.base_url, api_key=key.key))
    print(f"Signed in as {tokens.user.email}; the API key is stored in {path}.")
    return 0
