"""Where GitHub is, and what every call to its API says."""

WEB_URL = "https://github.com"
API_URL = "https://api.github.com"
API_VERSION = "2022-11-28"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
