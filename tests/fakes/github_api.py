"""GitHub's REST API, with repositories that change, over real HTTP.

It fails as GitHub does: ``faults.fail("POST /repos/octo/site/hooks", "lost")``. Beside those of
``tests/fakes/server.py`` there are ``primary_limit`` and ``secondary_limit`` (the second without a
time), ``lost`` (done, and never answered), ``cut`` (done, and the answer breaks off), ``nulls``
(each list in the answer's objects is null), ``novel`` (states that nobody knows) and ``drip``.
"""

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from tests.fakes.contract import hold
from tests.fakes.github_apps import FakeApp
from tests.fakes.github_faults import FAULTS, error_answer, invalid_answer
from tests.fakes.github_state import (
    Commit,
    Json,
    Outgoing,
    Repo,
    archive_of,
    branch_shape,
    comment_shape,
    commit_shape,
    comparison_shape,
    deployment_shape,
    deployment_status_shape,
    hook_shape,
    next_id,
    private_user_shape,
    pull_shape,
    repository_shape,
    sha_of,
    status_shape,
    user_shape,
)
from tests.fakes.server import Exchange, Faults, Recorded, serving

TOKEN = "gho_0123456789abcdefghijklmnopqrstuvwxyz"
_DOCS = "https://docs.github.com/rest"
_REPO = "/repos/{owner}/{name}"


class FakeGitHubApi:
    """``repos`` by number; ``renames`` are the earlier names of some. With ``described_only`` it is
    one that was made from the description: no repository is found by its number, and a commit is
    JSON whatever form is asked for. ``app`` is a GitHub App there."""

    def __init__(self) -> None:
        self.login = "octocat"
        self.tokens: dict[str, str | None] = {TOKEN: "repo, admin:repo_hook, read:org"}
        self.repos: dict[int, Repo] = {}
        self.app = FakeApp(self.repos)
        self.renames: dict[str, int] = {}
        self.described_only = False
        self.quota = 5000
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.downloads: list[Exchange] = []
        self.url = ""
        self._archives_url = ""

    def add(self, full_name: str, **values: Any) -> Repo:
        owner, _, name = full_name.partition("/")
        repo = Repo(owner, name, **values)
        self.repos[repo.id] = repo
        return repo

    def rename(self, repo: Repo, full_name: str) -> None:
        self.renames[repo.full_name] = repo.id
        repo.owner, _, repo.name = full_name.partition("/")

    def calls(self, method: str, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if (each.method, each.path) == (method, path)]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeGitHubApi"]:
        """Serve it; what was exchanged is held to GitHub's description at the end."""
        app = Recorded(self._app(), self.faults, self.exchanges, FAULTS)
        archives = Recorded(self._archives(), self.faults, self.downloads, FAULTS)
        async with serving(app) as self.url, serving(archives) as self._archives_url:
            self.app.url = self.url
            yield self
        hold("github", self.exchanges)

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._as_github)
        app.exception_handler(HTTPException)(_problem)
        for method, path, endpoint in (
            ("GET", "/user", self._user),
            ("GET", "/user/repos", self._user_repos),
            ("GET", "/repositories/{number}", self._by_number),
            ("GET", "/repositories/{number}/installation", self._installation_by_number),
            ("GET", f"{_REPO}/installation", self._installation),
            ("POST", "/app/installations/{installation_id}/access_tokens", self._issue),
            ("GET", f"{_REPO}/branches", self._branches),
            ("GET", f"{_REPO}/branches/{{branch:path}}", self._branch),
            ("GET", f"{_REPO}/compare/{{one}}...{{other}}", self._compare),
            ("GET", f"{_REPO}/commits/{{sha}}/status", self._combined_status),
            ("GET", f"{_REPO}/commits/{{sha}}/check-runs", self._check_runs),
            ("GET", f"{_REPO}/pulls", self._pulls),
            ("GET", f"{_REPO}/pulls/{{number}}", self._pull),
            ("GET", f"{_REPO}/commits", self._commits),
            ("GET", f"{_REPO}/commits/{{ref:path}}", self._commit),
            ("GET", f"{_REPO}/git/trees/{{sha}}", self._tree),
            ("GET", f"{_REPO}/git/blobs/{{sha}}", self._blob),
            ("GET", f"{_REPO}/contents/{{path:path}}", self._contents),
            ("GET", f"{_REPO}/tarball/{{ref:path}}", self._tarball),
            ("GET", f"{_REPO}/hooks", self._hooks),
            ("POST", f"{_REPO}/hooks", self._make_hook),
            ("PATCH", f"{_REPO}/hooks/{{hook_id}}", self._change_hook),
            ("DELETE", f"{_REPO}/hooks/{{hook_id}}", self._delete_hook),
            ("GET", f"{_REPO}/hooks/{{hook_id}}/deliveries", self._deliveries),
            ("POST", f"{_REPO}/hooks/{{hook_id}}/deliveries/{{delivery_id}}/attempts",
             self._redeliver),
            ("POST", f"{_REPO}/statuses/{{sha}}", self._set_status),
            ("GET", f"{_REPO}/deployments", self._deployments),
            ("POST", f"{_REPO}/deployments", self._deploy),
            ("GET", f"{_REPO}/deployments/{{number}}/statuses", self._deployment_statuses),
            ("POST", f"{_REPO}/deployments/{{number}}/statuses", self._set_deployment_status),
            ("GET", f"{_REPO}/issues/{{number}}/comments", self._comments),
            ("POST", f"{_REPO}/issues/{{number}}/comments", self._comment),
            ("PATCH", f"{_REPO}/issues/comments/{{comment_id}}", self._change_comment),
            ("GET", _REPO, self._repository),
        ):  # fmt: skip
            app.add_api_route(path, endpoint, methods=[method], response_model=None)
        return app

    def _archives(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/{owner}/{name}/legacy.tar.gz/{sha}", self._archive, methods=["GET"])
        return app

    # What GitHub does with every call.

    async def _as_github(
        self, request: Request, call: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        self.quota -= 1
        token = _token_of(request)
        refusal = self._refuse(request, token)
        if refusal is not None:
            return refusal
        answer = await call(request)
        body = b"".join([piece async for piece in answer.body_iterator])  # type: ignore[attr-defined]
        headers = dict(answer.headers) | self._limit_headers()
        scopes = self.tokens.get(token)
        if scopes is not None:
            headers["x-oauth-scopes"] = scopes
        if request.method == "GET" and answer.status_code == 200:
            headers["etag"] = f'"{hashlib.sha256(body).hexdigest()}"'
            if request.headers.get("if-none-match") == headers["etag"]:
                self.quota += 1  # a 304 is free
                headers |= self._limit_headers()
                del headers["content-length"], headers["content-type"]
                return Response(status_code=304, headers=headers)
        return Response(body, answer.status_code, headers)

    def _refuse(self, request: Request, token: str) -> Response | None:
        path = request.url.path
        if path.startswith("/app/") or path.endswith("/installation"):
            return self.app.refuse_as_app(request)
        if token in self.app.tokens:
            return self.app.refuse_token(self.app.tokens[token])
        return None if token in self.tokens else error_answer(401, "Bad credentials")

    def _limit_headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": "5000", "x-ratelimit-remaining": str(self.quota),
            "x-ratelimit-reset": str(int(time.time()) + 1800), "x-ratelimit-resource": "core",
        }  # fmt: skip

    def _paged(self, request: Request, items: list[Json]) -> Response:
        """A page, and the address of the next: which is not built as the first one was."""
        size = min(int(request.query_params.get("per_page", "30")), 100)
        page = int(request.query_params.get("page", "1"))
        headers = {}
        if len(items) > page * size:
            query = request.url.include_query_params(page=page + 1).query
            headers["Link"] = f'<{self.url}{request.url.path}?{query}>; rel="next"'
        return JSONResponse(items[(page - 1) * size : page * size], headers=headers)

    def _find(self, request: Request, *, admin: bool = False) -> Repo:
        """The repository of a path. One that may not be administered is as one that is not."""
        repo = self._named(request)
        self._check_seen(request, repo)
        is_users = _token_of(request) in self.tokens
        if admin and is_users and repo.right_of(_token_of(request)) != "admin":
            raise HTTPException(404, "Not Found")
        return repo

    def _named(self, request: Request) -> Repo:
        owner, name = (request.path_params[each] for each in ("owner", "name"))
        for repo in self.repos.values():
            if repo.full_name.lower() == f"{owner}/{name}".lower():
                return repo
        raise HTTPException(404, "Not Found")

    def _check_seen(self, request: Request, repo: Repo) -> None:
        token = _token_of(request)
        if token in self.app.tokens:
            self.app.check(self.app.tokens[token], request, repo)
        elif repo.private and repo.right_of(token) == "none":
            raise HTTPException(404, "Not Found")

    def _base(self, repo: Repo) -> str:
        return f"{self.url}/repos/{repo.full_name}"

    @property
    def _me(self) -> Json:
        return user_shape(self.login, 583231, self.url)

    # Accounts and repositories.

    async def _user(self) -> Response:
        return JSONResponse(private_user_shape(self.login, 583231, self.url))

    async def _user_repos(self, request: Request) -> Response:
        token = _token_of(request)
        shapes = [
            repository_shape(each, self.url, full=False, token=token)
            for each in self.repos.values()
            if each.right_of(token) != "none"
        ]
        return self._paged(request, shapes)

    async def _repository(self, request: Request) -> Response:
        return self._moved_to(request) or self._shown(request, self._find(request))

    async def _by_number(self, request: Request, number: int) -> Response:
        if self.described_only or number not in self.repos:
            raise HTTPException(404, "Not Found")
        self._check_seen(request, self.repos[number])
        return self._shown(request, self.repos[number])

    def _shown(self, request: Request, repo: Repo) -> Response:
        token = _token_of(request)
        return JSONResponse(repository_shape(repo, self.url, full=True, token=token))

    def _moved_to(self, request: Request, below: str = "") -> Response | None:
        """Where one leads that has another name by now."""
        owner, name = (request.path_params[each] for each in ("owner", "name"))
        moved = self.renames.get(f"{owner}/{name}")
        if moved is None:
            return None
        numbered = f"{self.url}/repositories/{moved}"
        return _moved((self._base(self.repos[moved]) if self.described_only else numbered) + below)

    async def _installation(self, request: Request) -> Response:
        moved = self._moved_to(request, "/installation")
        return moved or self.app.shown(self._named(request))

    async def _issue(self, request: Request, installation_id: int) -> Response:
        return await self.app.issue(request, installation_id)

    async def _installation_by_number(self, number: int) -> Response:
        return self.app.shown(self.repos[number])

    # Sources.

    async def _branches(self, request: Request) -> Response:
        repo = self._find(request)
        shapes = [
            {"name": name, "protected": False,
             "commit": {"sha": sha, "url": f"{self._base(repo)}/commits/{sha}"}}
            for name, sha in repo.branches.items()
        ]  # fmt: skip
        return self._paged(request, shapes)

    async def _branch(self, request: Request, branch: str) -> Response:
        repo = self._find(request)
        if branch in repo.renamed_branches:
            return _moved(f"{self._base(repo)}/branches/{repo.renamed_branches[branch]}")
        if branch not in repo.branches:
            raise HTTPException(404, "Branch not found")
        commit = commit_shape(repo.commits[repo.branches[branch]], self._base(repo), self._me)
        return JSONResponse(branch_shape(branch, commit, self._base(repo)))

    async def _compare(self, request: Request, one: str, other: str) -> Response:
        repo = self._find(request)
        base, head = (self._commit_of(repo, each, 404) for each in (one, other))
        return JSONResponse(comparison_shape(repo, base, head, self._base(repo), self._me))

    async def _combined_status(self, request: Request, sha: str) -> Response:
        repo = self._find(request)
        newest = {each["context"]: each for each in reversed(repo.statuses.get(sha, []))}
        statuses = [{k: v for k, v in each.items() if k != "creator"} for each in newest.values()]
        url = f"{self._base(repo)}/commits/{sha}"
        return JSONResponse(
            {"state": "pending", "sha": sha, "total_count": len(statuses), "statuses": statuses,
             "repository": repository_shape(repo, self.url, full=False), "commit_url": url,
             "url": f"{url}/status"}
        )  # fmt: skip

    async def _check_runs(self, request: Request, sha: str) -> Response:
        runs = self._find(request).check_runs.get(sha, [])
        return JSONResponse({"total_count": len(runs), "check_runs": runs})

    async def _pulls(self, request: Request) -> Response:
        repo = self._find(request)
        state = request.query_params.get("state", "open")
        found = [each for each in repo.pulls.values() if state in ("all", each.state)]
        shapes = [pull_shape(each, repo, self.url, full=False) for each in found]
        return self._paged(request, shapes)

    async def _pull(self, request: Request, number: int) -> Response:
        repo = self._find(request)
        if number not in repo.pulls:
            raise HTTPException(404, "Not Found")
        return JSONResponse(pull_shape(repo.pulls[number], repo, self.url, full=True))

    def _commit_of(self, repo: Repo, ref: str, missing: int) -> Commit:
        if not repo.commits:
            raise HTTPException(409, "Git Repository is empty.")
        commit = repo.find(ref)
        if commit is None:
            raise HTTPException(missing, f"No commit found for SHA: {ref}")
        return commit

    async def _commit(self, request: Request, ref: str) -> Response:
        assert request.headers["accept"] == "application/vnd.github.sha"
        repo = self._find(request)
        commit = self._commit_of(repo, ref, 422)
        if self.described_only:
            return JSONResponse(commit_shape(commit, self._base(repo), self._me))
        return Response(commit.sha, media_type="application/vnd.github.sha")

    async def _commits(self, request: Request) -> Response:
        """From one on, of which one is asked for."""
        assert request.query_params["per_page"] == "1"
        repo = self._find(request)
        commit = self._commit_of(repo, request.query_params["sha"], 404)
        return JSONResponse([commit_shape(commit, self._base(repo), self._me)])

    async def _tree(self, request: Request, sha: str) -> Response:
        repo = self._find(request)
        commit = self._commit_of(repo, sha, 404)
        entries = [self._entry(repo, commit, path) for path in sorted(commit.files)]
        entries += [
            {"path": folder, "mode": "040000", "type": "tree", "sha": sha_of(folder),
             "url": f"{self._base(repo)}/git/trees/{sha_of(folder)}"}
            for folder in sorted(commit.folders)
        ]  # fmt: skip
        if repo.truncated:
            del entries[len(entries) // 2 :]
        return JSONResponse({"sha": commit.tree_sha, "url": f"{self._base(repo)}/git/trees/{sha}",
                             "tree": entries, "truncated": repo.truncated})  # fmt: skip

    def _entry(self, repo: Repo, commit: Commit, path: str) -> Json:
        content, mode = commit.files[path], commit.modes.get(path, "100644")
        if mode == "160000":
            return {"path": path, "mode": mode, "type": "commit", "sha": content.decode()}
        return {
            "path": path, "mode": mode, "type": "blob", "sha": sha_of(content),
            "size": len(content), "url": f"{self._base(repo)}/git/blobs/{sha_of(content)}",
        }  # fmt: skip

    async def _blob(self, request: Request, sha: str) -> Response:
        repo = self._find(request)
        for commit in repo.commits.values():
            for content in commit.files.values():
                if sha_of(content) == sha:
                    return JSONResponse(
                        {"content": base64.encodebytes(content).decode(), "encoding": "base64",
                         "url": f"{self._base(repo)}/git/blobs/{sha}", "sha": sha,
                         "size": len(content), "node_id": "B_1"}
                    )  # fmt: skip
        raise HTTPException(404, "Not Found")

    async def _contents(self, request: Request, path: str) -> Response:
        repo = self._find(request)
        commit = self._commit_of(repo, request.query_params["ref"], 404)
        below = sorted(each for each in commit.files if each.startswith(f"{path}/"))
        if below:
            return JSONResponse([self._file(repo, commit, each, False) for each in below])
        if path not in commit.files:
            raise HTTPException(404, "Not Found")
        return JSONResponse(self._file(repo, commit, path, True))

    def _file(self, repo: Repo, commit: Commit, path: str, whole: bool) -> Json:
        content = commit.files[path]
        url = f"{self._base(repo)}/contents/{path}"
        shape: Json = {
            "type": "file", "size": len(content), "name": path.rpartition("/")[2], "path": path,
            "sha": sha_of(content), "url": url, "git_url": url, "html_url": url,
            "download_url": url, "_links": {"self": url, "git": url, "html": url},
        }  # fmt: skip
        if whole:
            small = len(content) <= 1024 * 1024
            text = base64.encodebytes(content).decode() if small else ""
            shape |= {"content": text, "encoding": "base64" if small else "none"}
        return shape

    async def _tarball(self, request: Request, ref: str) -> Response:
        repo = self._find(request)
        commit = self._commit_of(repo, ref, 404)
        target = f"{self._archives_url}/{repo.full_name}/legacy.tar.gz/{commit.sha}?token=AAAA"
        return RedirectResponse(target, 302)

    async def _archive(self, request: Request, owner: str, name: str, sha: str) -> Response:
        assert request.query_params["token"] == "AAAA"
        for repo in self.repos.values():
            if repo.full_name == f"{owner}/{name}":
                packed = archive_of(repo, repo.commits[sha])
                return Response(packed, media_type="application/x-gzip")
        return PlainTextResponse("404: Not Found", 404)

    # Webhooks.

    async def _hooks(self, request: Request) -> Response:
        return self._paged(request, list(self._find(request, admin=True).hooks.values()))

    async def _make_hook(self, request: Request) -> Response:
        repo = self._find(request, admin=True)
        sent = await request.json()
        if any(
            each["config"]["url"] == sent["config"]["url"] and each["events"] == sent["events"]
            for each in repo.hooks.values()
        ):
            return invalid_answer("Hook", "Hook already exists on this repository")
        hook_id = next_id()
        repo.secrets[hook_id] = sent["config"]["secret"]
        repo.hooks[hook_id] = hook_shape(hook_id, sent, f"{self._base(repo)}/hooks")
        repo.deliver(hook_id, "ping")
        return JSONResponse(repo.hooks[hook_id], 201)

    def _hook(self, request: Request) -> tuple[Repo, int]:
        repo = self._find(request, admin=True)
        hook_id = int(request.path_params["hook_id"])
        if hook_id not in repo.hooks:
            raise HTTPException(404, "Not Found")
        return repo, hook_id

    async def _change_hook(self, request: Request) -> Response:
        repo, hook_id = self._hook(request)
        sent = await request.json()
        repo.secrets[hook_id] = sent["config"]["secret"]
        repo.hooks[hook_id] = hook_shape(hook_id, sent, f"{self._base(repo)}/hooks")
        return JSONResponse(repo.hooks[hook_id])

    async def _delete_hook(self, request: Request) -> Response:
        repo, hook_id = self._hook(request)
        del repo.hooks[hook_id]
        return Response(status_code=204)

    async def _deliveries(self, request: Request) -> Response:
        repo, hook_id = self._hook(request)
        at = int(request.query_params.get("cursor", "v1_0").removeprefix("v1_"))
        size = int(request.query_params["per_page"])
        deliveries = repo.deliveries.get(hook_id, [])
        headers = {}
        if len(deliveries) > at + size:
            query = f"per_page={size}&cursor=v1_{at + size}"
            headers["Link"] = f'<{self.url}{request.url.path}?{query}>; rel="next"'
        return JSONResponse(deliveries[at : at + size], headers=headers)

    async def _redeliver(self, request: Request, delivery_id: int) -> Response:
        repo, hook_id = self._hook(request)
        for delivery in repo.deliveries.get(hook_id, []):
            if delivery["id"] == delivery_id:
                again = repo.deliver(hook_id, delivery["event"], 0)
                again |= {"redelivery": True, "guid": delivery["guid"]}
                repo.outgoing.append(Outgoing(hook_id, again))
                return JSONResponse({}, 202)
        raise HTTPException(404, "Not Found")

    # Reports.

    async def _set_status(self, request: Request, sha: str) -> Response:
        repo = self._find(request)
        sent = await request.json()
        if sha not in repo.commits:
            return error_answer(422, f"No commit found for SHA: {sha}")
        made = status_shape(sent, f"{self._base(repo)}/statuses/{sha}", self._me)
        repo.statuses.setdefault(sha, []).insert(0, made)
        return JSONResponse(made, 201)

    async def _deployments(self, request: Request) -> Response:
        asked = request.query_params
        found = [
            each
            for each in reversed(self._find(request).deployments.values())
            if all(each[key] == asked[key] for key in ("sha", "environment") if key in asked)
        ]
        return self._paged(request, found)

    async def _deploy(self, request: Request) -> Response:
        repo = self._find(request)
        sent = await request.json()
        commit = repo.find(sent["ref"])
        if commit is None:
            return error_answer(422, f"No ref found for: {sent['ref']}")
        made = deployment_shape(sent, commit.sha, self._base(repo), self._me)
        repo.deployments[made["id"]] = made
        return JSONResponse(made, 201)

    def _deployment(self, request: Request) -> tuple[Repo, Json]:
        repo = self._find(request)
        deployment = repo.deployments.get(int(request.path_params["number"]))
        if deployment is None:
            raise HTTPException(404, "Not Found")
        return repo, deployment

    async def _deployment_statuses(self, request: Request) -> Response:
        repo, deployment = self._deployment(request)
        return self._paged(request, repo.deployment_statuses.get(deployment["id"], []))

    async def _set_deployment_status(self, request: Request) -> Response:
        repo, deployment = self._deployment(request)
        made = deployment_status_shape(await request.json(), deployment, self._me)
        repo.deployment_statuses.setdefault(deployment["id"], []).insert(0, made)
        return JSONResponse(made, 201)

    async def _comments(self, request: Request, number: int) -> Response:
        return self._paged(request, list(self._find(request).comments.get(number, {}).values()))

    async def _comment(self, request: Request, number: int) -> Response:
        repo = self._find(request)
        body = (await request.json())["body"]
        made = comment_shape(body, self._base(repo), number, self._me)
        repo.comments.setdefault(number, {})[made["id"]] = made
        return JSONResponse(made, 201)

    async def _change_comment(self, request: Request, comment_id: int) -> Response:
        for comments in self._find(request).comments.values():
            if comment_id in comments:
                comments[comment_id]["body"] = (await request.json())["body"]
                return JSONResponse(comments[comment_id])
        raise HTTPException(404, "Not Found")


def _token_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _moved(target: str) -> Response:
    body = {"message": "Moved Permanently", "url": target, "documentation_url": _DOCS}
    return JSONResponse(body, 301, {"Location": target})


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, error.detail)
