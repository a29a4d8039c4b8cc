"""Whether a source accepts a request: the provider's own proof, and the further checks of the source.

A request must pass all of them. Every check runs, also after one has failed, so that the time of an answer
reveals nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from re import Pattern

from schemas.authentication import checks
from schemas.authentication.checks import Check
from schemas.authentication.request import REJECT, UNSIGNED, Head, Request, Verdict
from schemas.parsing.content_coding import NotInflated, inflated
from schemas.settings.authentication import Auth

# A provider's own proof: the request and the source's secrets in, the verdict out.
ProviderVerify = Callable[[Request, Sequence[str]], Verdict]


@dataclass(slots=True, frozen=True)
class Policy:
    """The checks of one source besides its provider's own proof. `in_path`: its address ends in a secret."""

    checks: tuple[Check, ...] = ()
    in_path: bool = False

    @property
    def proof_headers(self) -> tuple[str, ...]:
        """The headers with which anybody who has the secret can verify a body again."""
        return tuple(check.proof_header for check in self.checks if check.proof_header is not None)

    def path_secret(self, tail: str, subpath: Pattern[str] | None) -> str | None:
        """The secret in an address, by what follows /webhooks/<source>/ in it; "" when this source has none there.

        subpath: what the provider appends to the address itself. None: the source has no such address.
        """
        secret, _, rest = tail.partition("/") if self.in_path else ("", "", tail)
        return secret if not rest or (subpath is not None and subpath.fullmatch(rest)) else None

    def verify(self, request: Request, provider_verify: ProviderVerify, secrets: Sequence[str]) -> Verdict:
        """The verdict on a request. With checks, the provider's own proof is required only if there are `secrets`.

        A signature over a compressed body may cover the bytes on the wire, or the plain ones if a proxy compressed
        them. Never raises.
        """
        verdict = self._verify(request, provider_verify, secrets)
        plain = _plain(request) if verdict.auth == "reject" else None
        return verdict if plain is None else self._verify(plain, provider_verify, secrets)

    def verify_head(self, head: Head, provider_verify: ProviderVerify, secrets: Sequence[str]) -> Verdict:
        """The verdict on what needs no body: REJECT if no body can make the request valid, `ok` if it proves something.

        UNSIGNED: only the body can prove anything, or nothing is required. Never raises.
        """
        verdicts: list[Verdict] = []
        required = [lambda request: provider_verify(request, secrets)] if secrets or not self.checks else []
        for verify in (*required, *(check.verify for check in self.checks)):
            asked = head.asked
            verdict = verify(head)
            if head.asked == asked:
                verdicts.append(verdict)
        verdict = _all_of(verdicts)
        return verdict if verdict.auth == "reject" or verdict.scheme else UNSIGNED

    def _verify(self, request: Request, provider_verify: ProviderVerify, secrets: Sequence[str]) -> Verdict:
        if not self.checks:
            return provider_verify(request, secrets)
        verdicts = [provider_verify(request, secrets)] if secrets else []
        return _all_of([*verdicts, *(check.verify(request) for check in self.checks)])

    def admits_handshake(self, request: Request) -> bool:
        """Whether a handshake comes to the right address from the right network."""
        return _all_of([check.verify(request) for check in self.checks if check.in_address]).auth != "reject"

    def weakness(self, *, secrets: bool, signed: bool) -> str | None:
        """What the strongest proof of a request leaves unproven, as half a sentence; None if the body is signed.

        secrets: the source has secrets for its provider's own proof. signed: that proof covers the body.
        """
        proofs = {check.proves for check in self.checks}
        if secrets:
            proofs.add("body" if signed else "sender")
        if not proofs:
            return "it has no secrets, so anybody who knows its address can post to it"
        if proofs == {"network"}:
            return "it checks only the network, so anybody in the networks of auth.addresses can post to it"
        if "body" in proofs:
            return None
        if secrets and not signed:
            return "the provider signs nothing, so its token proves the sender but not the body"
        return "no check is a signature, so the sender is proven but not the body"


NO_CHECKS = Policy()


def load(auth: Auth) -> Policy:
    """The checks of a source; reads their secrets. Raises ConfigError whose text begins with the key that is wrong."""
    return Policy(
        checks=(
            *([checks.hmac_check(auth.hmac)] if auth.hmac is not None else ()),
            *([checks.header_check(auth.header)] if auth.header is not None else ()),
            *([checks.basic_check(auth.basic)] if auth.basic is not None else ()),
            *([checks.jwt_check(auth.jwt)] if auth.jwt is not None else ()),
            *([checks.path_check(auth.path)] if auth.path is not None else ()),
            *([checks.network_check(auth.addresses)] if auth.addresses else ()),
        ),
        in_path=auth.path is not None,
    )


def _plain(request: Request) -> Request | None:
    """The request with its body inflated; None if the body is not compressed."""
    try:
        body = inflated(request.body, request.headers.get("content-encoding", ""))
    except NotInflated:
        return None
    return None if body is request.body else replace(request, body=body)


def _all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """REJECT if one is; else `ok` with the schemes and keys of all that are `ok`."""
    if any(verdict.auth == "reject" for verdict in verdicts):
        return REJECT
    accepted = [verdict for verdict in verdicts if verdict.auth == "ok"]
    schemes, keys = [verdict.scheme for verdict in accepted], [verdict.key_id for verdict in accepted if verdict.key_id]
    return Verdict("ok", "+".join(schemes), "+".join(keys))
