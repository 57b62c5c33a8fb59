"""AutoDeploy: a self-hosted deployment control plane. Repository in, live URL out."""

__version__ = "0.1.0"
