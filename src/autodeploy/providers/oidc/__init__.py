"""Any OpenID Connect provider, for single sign-on."""
