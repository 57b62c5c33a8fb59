"""Which rows a caller may see: the one condition that every look-up on its behalf carries."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, column, or_, select, table
from sqlalchemy.orm import InstrumentedAttribute

Column = ColumnElement[UUID] | InstrumentedAttribute[UUID]

# Projects belong to a service above this one; of their table, this is all that a reach needs.
_projects = table("projects", column("id", Uuid), column("repository_id", Uuid))


@dataclass(frozen=True, kw_only=True)
class Reach:
    """All of the ``whole`` organizations, and of the ``limited`` ones these ``projects`` alone."""

    whole: AbstractSet[UUID] = frozenset()
    limited: AbstractSet[UUID] = frozenset()
    projects: AbstractSet[UUID] = frozenset()

    def within(self, organization_id: UUID) -> "Reach":
        """The part of this that lies in one organization."""
        only = frozenset({organization_id})
        return Reach(whole=only & self.whole, limited=only & self.limited, projects=self.projects)

    def covers(self, organization: Column, project: Column) -> ColumnElement[bool]:
        """The condition on a project, or on what belongs to one."""
        return self._or_limited(organization, project.in_(self.projects))

    def covers_repository(self, organization: Column, repository: Column) -> ColumnElement[bool]:
        """The condition on a repository: of a limited organization, those behind the projects."""
        behind = select(_projects.c.repository_id).where(_projects.c.id.in_(self.projects))
        return self._or_limited(organization, repository.in_(behind))

    def _or_limited(
        self, organization: Column, in_projects: ColumnElement[bool]
    ) -> ColumnElement[bool]:
        whole = organization.in_(self.whole)
        if not self.limited:
            return whole
        return or_(whole, and_(organization.in_(self.limited), in_projects))
