"""Tables of repositories and what was found in them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.search import index_on


class RepositoryKind(StrEnum):
    """Where a repository's files come from."""

    GITHUB = "github"
    GIT = "git"
    UPLOAD = "upload"


#: What is searched of a repository: ``acme/shop`` as a whole, and each part of it; a word that is
#: not indexed stands between, so that no phrase reaches over.
REPOSITORY_DOCUMENT = "full_name || ' the ' || translate(full_name, '/._-', '    ')"


class Repository(Base):
    """``github_id`` stays when it is renamed there, ``full_name`` and ``url`` do not.
    ``connection_id`` is the account by which one at GitHub is read, null where it is gone.

    ``github_owner_id`` is whose it was there when such an account saw it last, ``github_access``
    the most that one might do with it then: the platform's GitHub App acts for it within that, at
    that owner alone. ``github_installation_id`` is the app's installation by which it was read
    last, null where it was not.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        UniqueConstraint("organization_id", "github_id"),
        CheckConstraint("kind IN ('github', 'git', 'upload')", name="kind"),
        CheckConstraint("github_access IN ('pull', 'push', 'admin')", name="github_access"),
        Index("idx_repositories_org_id", "organization_id"),
        Index(
            "idx_repositories_connection_id",
            "connection_id",
            postgresql_where=text("connection_id IS NOT NULL"),
        ),
        Index(
            "idx_repositories_search",
            text(index_on(REPOSITORY_DOCUMENT)),
            postgresql_using="gin",
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    kind: Mapped[RepositoryKind] = mapped_column(String(20))
    github_id: Mapped[int | None] = mapped_column(BigInteger)
    connection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_integrations.id", ondelete="SET NULL")
    )
    github_owner_id: Mapped[int | None] = mapped_column(BigInteger)
    github_access: Mapped[str | None] = mapped_column(String(10))
    github_installation_id: Mapped[int | None] = mapped_column(BigInteger)
    full_name: Mapped[str] = mapped_column(String(255))
    url: Mapped[str]
    default_branch: Mapped[str] = mapped_column(server_default="main")
    private: Mapped[bool] = mapped_column(server_default="false")
    language: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class RepositoryAnalysis(Base):
    __tablename__ = "repository_analyses"
    __table_args__ = (
        UniqueConstraint("repository_id", "commit_sha", "analyzer_version", "root_directory"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    repository_id: Mapped[UUID] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"))
    branch: Mapped[str]
    commit_sha: Mapped[str] = mapped_column(String(40))
    analyzer_version: Mapped[str]
    root_directory: Mapped[str] = mapped_column(server_default="")
    framework_name: Mapped[str | None] = mapped_column(String(100))
    framework_version: Mapped[str | None] = mapped_column(String(50))
    confidence_score: Mapped[Decimal | None] = mapped_column(Numeric(3, 2))
    language: Mapped[str | None] = mapped_column(String(100))
    build_config: Mapped[dict[str, Any] | None]
    dependencies: Mapped[dict[str, Any] | None]
    environment_variables: Mapped[list[Any] | None]
    recommendations: Mapped[dict[str, Any] | None]
    plan: Mapped[dict[str, Any] | None]
    created_at: Mapped[type_created]
