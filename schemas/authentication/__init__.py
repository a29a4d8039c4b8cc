"""Who sent a request: the proofs of providers, and what a source requires besides.

request            a request and the verdict on it
secrets            a source's live secrets, compared in constant time
static_secret      a secret that the sender includes in the request
tokens             JSON Web Tokens
standard_webhooks  signatures of Standard Webhooks
checks             what a source may require besides its provider's proof
policy             all of it together, for one source
"""
