"""Whether Vercel can fetch a commit by itself: where its GitHub app is installed."""

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.base import CommitSource
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import FoundRepositories, Namespace


class Repositories:
    """``person`` is the account without its team: the namespaces are those of who signed in."""

    def __init__(self, http: HttpClient, person: HttpClient):
        self._http = http
        self._person = person

    async def git_source(self, commit: CommitSource | None) -> dict[str, object] | None:
        """``gitSource`` of a deployment; None when Vercel cannot fetch it, so that it is sent the
        files. Raises ``CredentialRefused``."""
        if commit is None or commit.github is None:
            return None
        owner, _, name = commit.github.partition("/")
        try:
            found = await self._find(owner, name, commit.github_id)
        except CredentialRefused:
            raise
        except AutoDeployError:
            return None  # a look that fails costs an upload, no deployment
        if found is None:
            return None
        return {"type": "github", "repoId": found, "ref": commit.branch, "sha": commit.commit_sha}

    async def _find(self, owner: str, name: str, github_id: int | None) -> int | str | None:
        call = Call("GET", "/v1/integrations/git-namespaces", query={"provider": "github"})
        answer = expect(await self._person.send(call))
        for each in answer.read(list[Namespace]):
            if each.slug.lower() == owner.lower():
                return await self._search(str(each.id), name, github_id)
        return None

    async def _search(self, namespace: str, name: str, github_id: int | None) -> int | str | None:
        query = {"provider": "github", "namespaceId": namespace, "query": name}
        call = Call("GET", "/v1/integrations/search-repo", query=query)
        answer = expect(await self._http.send(call))
        for each in answer.read(FoundRepositories).repos:
            if github_id is not None and str(each.id) == str(github_id):
                return each.id
            if github_id is None and name.lower() == (each.slug or each.name or "").lower():
                return each.id
        return None
