"""How an app is built and started, where its framework alone does not say."""
