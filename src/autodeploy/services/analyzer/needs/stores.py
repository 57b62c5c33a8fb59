"""What apps keep other things in: caches, files of S3, search engines.

Package names are those of each language's registry; npm's and PyPI's were looked up 2026-11.
"""

import re

from autodeploy.services.analyzer.needs.record import AWS, ServiceRecord, packages

STORES = (
    ServiceRecord(
        kind="redis",
        name="Redis",
        drivers=packages(
            node="redis ioredis iovalkey @redis/client @valkey/valkey-glide @upstash/redis bullmq "
            "bull bee-queue @nestjs/bull @nestjs/bullmq connect-redis @fastify/redis @keyv/redis "
            "@socket.io/redis-adapter rate-limit-redis cache-manager-redis-store",
            python="redis aioredis hiredis valkey rq arq django-redis django-rq channels-redis "
            "flask-redis celery[redis]",
            ruby="redis redis-client hiredis hiredis-client redis-rails redis-store "
            "redis-actionpack sidekiq resque",
            php="predis/predis laravel/horizon snc/redis-bundle",
            go="github.com/redis/go-redis github.com/go-redis/redis github.com/gomodule/redigo "
            "github.com/redis/rueidis github.com/valkey-io/valkey-go github.com/hibiken/asynq",
            rust="redis deadpool-redis bb8-redis fred",
            java="redis.clients:jedis io.lettuce:lettuce-core org.redisson:redisson "
            "org.redisson:redisson-spring-boot-starter com.taoensso:carmine "
            "org.springframework.boot:spring-boot-starter-data-redis "
            "org.springframework.boot:spring-boot-starter-data-redis-reactive "
            "io.quarkus:quarkus-redis-client io.quarkus:quarkus-redis-cache",
            dotnet="stackexchange.redis servicestack.redis hangfire.redis.stackexchange "
            "microsoft.extensions.caching.stackexchangeredis aspire.stackexchange.redis",
            elixir="redix exq",
            dart="redis",
            swift="redistack redis",
            crystal="redis",
            gleam="radish",
            haskell="hedis",
        ),
        variables=re.compile(r"(^|_)(REDIS|VALKEY|REDISCLOUD)(_|$)|^REDIS(HOST|PORT|URL)"),
        schemes=("redis:", "rediss:", "valkey:"),
    ),
    ServiceRecord(
        kind="memcached",
        name="Memcached",
        drivers=packages(
            node="memcached memjs",
            python="pymemcache python-memcached pylibmc aiomcache",
            ruby="dalli",
            go="github.com/bradfitz/gomemcache",
            rust="memcache",
            java="net.spy:spymemcached com.googlecode.xmemcached:xmemcached",
            dotnet="enyimmemcachedcore",
        ),
        variables=re.compile(r"(^|_)(MEMCACHED?|MEMCACHIER)_"),
        schemes=("memcached:",),
    ),
    ServiceRecord(
        kind="s3",
        name="S3",
        drivers=packages(
            node="@aws-sdk/client-s3 @aws-sdk/lib-storage multer-s3 minio @payloadcms/storage-s3",
            python="django-storages minio s3fs",
            ruby="aws-sdk-s3 fog-aws",
            php="league/flysystem-aws-s3-v3 league/flysystem-async-aws-s3",
            go="github.com/aws/aws-sdk-go-v2/service/s3 github.com/minio/minio-go",
            rust="aws-sdk-s3 rust-s3",
            java="software.amazon.awssdk:s3 com.amazonaws:aws-java-sdk-s3 io.minio:minio "
            "io.awspring.cloud:spring-cloud-aws-starter-s3",
            dotnet="awssdk.s3 minio",
            elixir="ex_aws_s3",
            swift="soto",
        ),
        toolkits=AWS,
        variables=re.compile(r"(^|_)(S3|MINIO)(_|$)|^(AWS_)?(STORAGE_)?BUCKET(_NAME)?$"),
        schemes=("s3:",),
    ),
    ServiceRecord(
        kind="elasticsearch",
        name="Elasticsearch",
        drivers=packages(
            node="@elastic/elasticsearch @nestjs/elasticsearch",
            python="elasticsearch elasticsearch-dsl elasticsearch-async django-elasticsearch-dsl",
            ruby="elasticsearch elasticsearch-model elasticsearch-rails chewy",
            php="elasticsearch/elasticsearch ruflin/elastica babenkoivan/elastic-scout-driver",
            go="github.com/elastic/go-elasticsearch github.com/olivere/elastic",
            rust="elasticsearch",
            java="co.elastic.clients:elasticsearch-java "
            "org.elasticsearch.client:elasticsearch-rest-high-level-client "
            "org.springframework.boot:spring-boot-starter-data-elasticsearch "
            "io.quarkus:quarkus-elasticsearch-rest-client",
            dotnet="elastic.clients.elasticsearch elasticsearch.net nest",
        ),
        toolkits=packages(ruby="searchkick"),
        variables=re.compile(r"(^|_)(ELASTIC|ELASTICSEARCH|BONSAI)_"),
    ),
    ServiceRecord(
        kind="opensearch",
        name="OpenSearch",
        drivers=packages(
            node="@opensearch-project/opensearch",
            python="opensearch-py opensearch-dsl",
            ruby="opensearch-ruby",
            php="opensearch-project/opensearch-php",
            go="github.com/opensearch-project/opensearch-go",
            rust="opensearch",
            java="org.opensearch.client:opensearch-java "
            "org.opensearch.client:opensearch-rest-high-level-client",
            dotnet="opensearch.client opensearch.net",
        ),
        toolkits=packages(ruby="searchkick"),
        variables=re.compile(r"(^|_)OPENSEARCH_"),
    ),
    ServiceRecord(
        kind="meilisearch",
        name="Meilisearch",
        drivers=packages(
            node="meilisearch",
            python="meilisearch meilisearch-python-sdk",
            ruby="meilisearch meilisearch-rails",
            php="meilisearch/meilisearch-php",
            go="github.com/meilisearch/meilisearch-go",
            rust="meilisearch-sdk",
            java="com.meilisearch.sdk:meilisearch-java",
            dotnet="meilisearch",
            elixir="meilisearch_ex",
        ),
        variables=re.compile(r"(^|_)(MEILI|MEILISEARCH)_"),
    ),
    ServiceRecord(
        kind="typesense",
        name="Typesense",
        drivers=packages(
            node="typesense",
            python="typesense",
            ruby="typesense",
            php="typesense/typesense-php",
            go="github.com/typesense/typesense-go",
            dotnet="typesense",
        ),
        variables=re.compile(r"(^|_)TYPESENSE_"),
    ),
)
