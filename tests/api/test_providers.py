CAPABILITIES = [
    "database",
    "database_backups",
    "database_pauses",
    "database_rotation",
    "deploy",
    "drift",
    "one_off_commands",
    "scaling",
]


async def test_providers_are_listed_with_their_capabilities(client, sign_up):
    answer = await client.get("/api/v1/providers", headers=await sign_up())
    assert answer.json() == {
        "items": [
            {"name": "cloud", "title": "A cloud", "capabilities": ["connect"], "engines": []},
            {
                "name": "local",
                "title": "This machine",
                "capabilities": CAPABILITIES,
                "engines": ["postgresql"],
            },
        ],
        "nextCursor": None,
    }


async def test_a_provider_tells_its_capabilities_regions_and_dated_prices(client, sign_up):
    headers = await sign_up()
    answers = {
        part: (await client.get(f"/api/v1/providers/local/{part}", headers=headers)).json()
        for part in ("capabilities", "regions", "pricing")
    }
    assert answers["capabilities"]["capabilities"] == CAPABILITIES
    assert answers["regions"]["items"] == [{"id": "here", "name": "This machine"}]
    assert answers["pricing"]["items"] == [
        {
            "plan": "free",
            "kind": "app",
            "monthlyCents": 0,
            "currency": "USD",
            "source": "https://example.com/pricing",
            "asOf": "2026-11-01",
        }
    ]


async def test_an_unknown_provider_is_not_found_and_the_known_are_named(client, sign_up):
    answer = await client.get("/api/v1/providers/nowhere/regions", headers=await sign_up())
    assert answer.status_code == 404
    assert "local" in answer.json()["remedy"]
