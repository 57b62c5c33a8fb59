"""What Vercel is, has and costs: facts of its own pages, with their dates."""

from autodeploy.providers.manifests import Capability, Manifest, Price, Region

MANIFEST = Manifest(
    name="vercel",
    title="Vercel",
    capabilities=frozenset(
        {
            Capability.DEPLOY,
            Capability.DOMAINS,
            Capability.DRIFT,
            Capability.ENVIRONMENT_VARIABLES,
            Capability.LOGS,
            Capability.RESOURCES,
            Capability.ROLLBACK,
            Capability.CONNECT,
        }
    ),
    # vercel.com/docs/environment-variables, 2026-03: changes apply to new deployments alone.
    fixed_variables=True,
    # The regions of functions: its SDK 1.28.35 (2026) and vercel.com/docs/regions.
    regions=tuple(
        Region(region, name)
        for region, name in (
            ("iad1", "Washington, D.C."),
            ("arn1", "Stockholm"),
            ("bom1", "Mumbai"),
            ("cdg1", "Paris"),
            ("cle1", "Cleveland"),
            ("cpt1", "Cape Town"),
            ("dub1", "Dublin"),
            ("fra1", "Frankfurt"),
            ("gru1", "São Paulo"),
            ("hkg1", "Hong Kong"),
            ("hnd1", "Tokyo"),
            ("icn1", "Seoul"),
            ("kix1", "Osaka"),
            ("lhr1", "London"),
            ("pdx1", "Portland"),
            ("sfo1", "San Francisco"),
            ("sin1", "Singapore"),
            ("syd1", "Sydney"),
            ("yul1", "Montréal"),
        )
    ),
    pricing=(
        # Not for commercial use.
        Price("hobby", "deploy", 0, "USD", "vercel.com/docs/plans/hobby", "2026-11-22"),
        # A seat; usage beyond a credit of 20 USD comes on top.
        Price("pro", "deploy", 2000, "USD", "vercel.com/docs/plans/pro-plan", "2026-11-22"),
    ),
)
