"""This machine as a provider: builds in a sandbox, runs apps beside AutoDeploy, serves them."""
