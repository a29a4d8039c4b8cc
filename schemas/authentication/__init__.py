"""Authentication of requests: the proofs of providers, and the further checks of a source.

request            a request and the verdict on it
secrets            a source's live secrets, compared in constant time
static_secret      a secret that the sender includes in the request
tokens             JSON Web Tokens
standard_webhooks  signatures of Standard Webhooks
checks             the kinds of further checks
policy             all checks of one source
"""
