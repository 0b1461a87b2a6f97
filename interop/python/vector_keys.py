"""Test keys and randomness for make_vectors.py, the same in every run, so that the vectors can be made again and compared.

Nothing here is fit to protect anything: whoever has this file has the keys.
"""

import base64
import contextlib
import random
from unittest import mock

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_RSA_BITS = 2048
_EXPONENT = 65537


def stream(label):
    return random.Random("ddbec vectors: " + label)


@contextlib.contextmanager
def seeded(label):
    """Gives the library's own key and IV generation (os.urandom) a fixed stream. OpenSSL's stays as it is."""
    with mock.patch("os.urandom", stream(label).randbytes):
        yield


def _is_prime(candidate, rounds_of):
    if any(candidate % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)):
        return False
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(16):
        power = pow(rounds_of.randrange(2, candidate - 1), odd, candidate)
        if power in (1, candidate - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % candidate
            if power == candidate - 1:
                break
        else:
            return False
    return True


def _prime(numbers):
    # Both top bits set: the product of two such primes has its full length.
    top = 3 << (_RSA_BITS // 2 - 2)
    while True:
        candidate = numbers.getrandbits(_RSA_BITS // 2) | top | 1
        if candidate % _EXPONENT != 1 and _is_prime(candidate, numbers):
            return candidate


def _rsa_pkcs8(label):
    """A Miller-Rabin search of our own, since no library makes RSA keys from a seed."""
    numbers = stream(label)
    p, q = _prime(numbers), _prime(numbers)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    private = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e=_EXPONENT, n=p * q),
    ).private_key()
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_all():
    """Every test key by name, as base64 text: raw bytes for aes-* and hmac-*, PKCS #8 for rsa-*."""
    made = {name: stream(name).randbytes(size) for name, size in _SYMMETRIC.items()}
    made.update({name: _rsa_pkcs8(name) for name in ("rsa-wrap", "rsa-sign")})
    return {name: base64.b64encode(data).decode("ascii") for name, data in made.items()}


_SYMMETRIC = {
    "aes-128": 16,
    "aes-192": 24,
    "aes-256": 32,
    "aes-256-other": 32,
    "hmac-10": 10,  # shorter than anybody should use, but old tables have such keys
    "hmac-32": 32,
    "hmac-32-other": 32,
    "hmac-64": 64,
}
