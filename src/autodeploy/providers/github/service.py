"""Where GitHub is, and what every call to its API says."""

WEB_URL = "https://github.com"
API_URL = "https://api.github.com"
API_VERSION = "2022-11-28"
# GitHub's own name for its JSON, and the plain one, by which its description has it: a server that
# was made of that refuses what it does not find there.
HEADERS = {
    "Accept": "application/vnd.github+json, application/json;q=0.9",
    "X-GitHub-Api-Version": API_VERSION,
}
