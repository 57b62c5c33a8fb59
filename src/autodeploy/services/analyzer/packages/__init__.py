"""What the manifests of each language say."""
