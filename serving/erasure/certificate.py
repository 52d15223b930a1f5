"""A signed statement of what was erased where, without any of it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from configs.errors import UserError
from pipeline.contract.atomic_write import write_text
from pipeline.contract.fingerprint import canonical_json

PRIVATE, PUBLIC = "signing-key.pem", "signing-key.pub.pem"


def write_certificate(folder: Path, name: str, statement: dict[str, Any]) -> Path:
    """Signs a statement with the folder's Ed25519 key, made at first; returns the certificate's file."""
    signature = _key(folder).sign(canonical_json(statement).encode())
    path = folder / f"{name}.json"
    signed = {"statement": statement, "algorithm": "Ed25519 over canonical JSON",
              "signature": base64.b64encode(signature).decode()}  # fmt: skip
    write_text(path, json.dumps(signed, indent=1, ensure_ascii=False) + "\n")
    return path


def check_certificate(path: Path, public_key: Path) -> dict[str, Any]:
    """The statement of a certificate. Raises UserError when it is not what was signed."""
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
        key = serialization.load_pem_public_key(public_key.read_bytes())
        assert isinstance(key, Ed25519PublicKey)
        key.verify(base64.b64decode(signed["signature"]), canonical_json(signed["statement"]).encode())
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise UserError(
            f"{path}: cannot be checked with {public_key} ({error}); give a certificate and its key"
        ) from None
    except InvalidSignature:
        raise UserError(f"{path}: is not what was signed with {public_key}") from None
    return signed["statement"]


def _key(folder: Path) -> Ed25519PrivateKey:
    path = folder / PRIVATE
    if path.is_file():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key
    key = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / PUBLIC).write_bytes(public)
    return key
