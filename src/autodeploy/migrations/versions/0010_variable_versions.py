"""Keep who changed which variables when, for which of build and app each is, and let
environments be deleted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"


def upgrade() -> None:
    op.add_column(
        "environment_variables",
        sa.Column("scope", sa.String(length=10), server_default="both", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_environment_variables_scope"),
        "environment_variables",
        "scope IN ('build', 'runtime', 'both')",
    )
    op.add_column(
        "environments",
        sa.Column("variables_version", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column(
        "environments",
        sa.Column("deletion_requested_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column("deployments", sa.Column("variables_version", sa.Integer(), nullable=True))
    op.create_table(
        "variables_versions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("added", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("changed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("removed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("service_token_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_variables_versions_{column}"),
                ondelete=ondelete,
            )
            for column, table, ondelete in (
                ("organization_id", "organizations", "CASCADE"),
                ("environment_id", "environments", "CASCADE"),
                ("created_by", "users", "SET NULL"),
                ("service_token_id", "service_tokens", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variables_versions")),
        sa.UniqueConstraint(
            "environment_id", "number", name=op.f("uq_variables_versions_environment_id_number")
        ),
    )
    op.execute("ALTER TABLE variables_versions ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app ON variables_versions TO autodeploy_app USING ({_ORGANIZATION})")
    op.execute("CREATE POLICY worker ON variables_versions TO autodeploy_worker USING (true)")


def downgrade() -> None:
    op.drop_table("variables_versions")
    op.drop_column("deployments", "variables_version")
    op.drop_column("environments", "deletion_requested_at")
    op.drop_column("environments", "variables_version")
    op.drop_constraint("ck_environment_variables_scope", "environment_variables", type_="check")
    op.drop_column("environment_variables", "scope")
