"""Databases of apps: PostgreSQL, MySQL, SQL Server, Turso, SQLite and MongoDB.

Package names are those of each language's registry; npm's and PyPI's were looked up 2026-11.
"""

import re

from autodeploy.services.analyzer.needs.record import ServiceRecord, packages

DATABASES = (
    ServiceRecord(
        kind="postgresql",
        name="PostgreSQL",
        drivers=packages(
            node="pg pg-native pg-promise postgres slonik @neondatabase/serverless "
            "@medusajs/medusa "
            "@vercel/postgres @prisma/adapter-pg @prisma/adapter-neon @mikro-orm/postgresql "
            "@databases/pg pg-boss "
            "@payloadcms/db-postgres @payloadcms/db-vercel-postgres connect-pg-simple @db/postgres "
            "@fastify/postgres @auth/pg-adapter graphile-worker postgraphile",
            python="psycopg psycopg2 psycopg2-binary psycopg2cffi psycopg-binary psycopg-c asyncpg "
            "pg8000 aiopg pygresql django-postgres-extra",
            ruby="pg activerecord-postgis-adapter sequel_pg good_job que pg_search",
            go="github.com/lib/pq github.com/jackc/pgx github.com/go-pg/pg "
            "github.com/uptrace/bun/driver/pgdriver gorm.io/driver/postgres",
            rust="postgres tokio-postgres deadpool-postgres bb8-postgres",
            java="org.postgresql:postgresql org.postgresql:r2dbc-postgresql "
            "io.r2dbc:r2dbc-postgresql io.quarkus:quarkus-jdbc-postgresql "
            "io.quarkus:quarkus-reactive-pg-client io.vertx:vertx-pg-client "
            "com.impossibl.pgjdbc-ng:pgjdbc-ng org.tpolecat:doobie-postgres "
            "org.tpolecat:skunk-core",
            dotnet="npgsql npgsql.entityframeworkcore.postgresql marten aspire.npgsql",
            elixir="postgrex",
            dart="postgres",
            swift="postgres-nio postgres-kit fluent-postgres-driver",
            crystal="pg",
            gleam="pog gleam_pgo",
            haskell="postgresql-simple hasql persistent-postgresql beam-postgres",
        ),
        variables=re.compile(
            r"(^|_)(POSTGRES|POSTGRESQL)(_|$)|^PG(_|HOST|PORT|USER|PASSWORD|DATABASE)"
        ),
        schemes=("postgres:", "postgresql:", "postgresql+", "jdbc:postgresql:"),
        speaks_sql=True,
        is_database=True,
    ),
    ServiceRecord(
        kind="mysql",
        name="MySQL",
        drivers=packages(
            node="mysql mysql2 mariadb promise-mysql serverless-mysql @planetscale/database "
            "@prisma/adapter-mariadb @prisma/adapter-planetscale @mikro-orm/mysql "
            "@mikro-orm/mariadb @fastify/mysql express-mysql-session",
            python="mysqlclient pymysql aiomysql asyncmy mysql-connector mysql-connector-python "
            "mariadb flask-mysqldb flask-mysql",
            ruby="mysql2 trilogy activerecord-trilogy-adapter",
            go="github.com/go-sql-driver/mysql gorm.io/driver/mysql",
            rust="mysql mysql_async",
            java="com.mysql:mysql-connector-j mysql:mysql-connector-java "
            "org.mariadb.jdbc:mariadb-java-client org.mariadb:r2dbc-mariadb io.asyncer:r2dbc-mysql "
            "io.quarkus:quarkus-jdbc-mysql io.quarkus:quarkus-jdbc-mariadb "
            "io.quarkus:quarkus-reactive-mysql-client io.vertx:vertx-mysql-client",
            dotnet="mysql.data mysqlconnector mysql.entityframeworkcore "
            "pomelo.entityframeworkcore.mysql aspire.mysqlconnector",
            elixir="myxql",
            dart="mysql1 mysql_client",
            swift="mysql-nio mysql-kit fluent-mysql-driver",
            crystal="mysql",
            haskell="mysql-simple persistent-mysql",
        ),
        variables=re.compile(r"(^|_)(MYSQL|MARIADB)(_|$)|^MYSQL(HOST|PORT|USER|PASSWORD|DATABASE)"),
        schemes=("mysql:", "mysql+", "mariadb:", "mariadb+", "jdbc:mysql:", "jdbc:mariadb:"),
        speaks_sql=True,
        is_database=True,
    ),
    ServiceRecord(
        kind="sqlserver",
        name="SQL Server",
        drivers=packages(
            node="mssql tedious @prisma/adapter-mssql",
            python="pymssql mssql-django mssql-python",
            ruby="tiny_tds activerecord-sqlserver-adapter",
            go="github.com/microsoft/go-mssqldb github.com/denisenkom/go-mssqldb "
            "gorm.io/driver/sqlserver",
            rust="tiberius",
            java="com.microsoft.sqlserver:mssql-jdbc io.quarkus:quarkus-jdbc-mssql",
            dotnet="microsoft.data.sqlclient system.data.sqlclient "
            "microsoft.entityframeworkcore.sqlserver",
            elixir="tds",
        ),
        variables=re.compile(r"(^|_)(MSSQL|SQLSERVER)(_|$)"),
        schemes=("sqlserver:", "mssql:", "mssql+", "jdbc:sqlserver:"),
        speaks_sql=True,
        is_database=True,
    ),
    ServiceRecord(
        kind="turso",
        name="Turso",
        drivers=packages(
            node="@libsql/client @tursodatabase/serverless @prisma/adapter-libsql",
            python="libsql sqlalchemy-libsql",
            go="github.com/tursodatabase/libsql-client-go",
            rust="libsql",
        ),
        variables=re.compile(r"^(TURSO|LIBSQL)_"),
        schemes=("libsql:",),
        speaks_sql=True,
        is_database=True,
    ),
    ServiceRecord(
        kind="sqlite",
        name="SQLite",
        drivers=packages(
            node="sqlite sqlite3 better-sqlite3 @db/sqlite connect-sqlite3 "
            "@prisma/adapter-better-sqlite3 @mikro-orm/sqlite @payloadcms/db-sqlite",
            python="aiosqlite pysqlite3 pysqlite3-binary",
            ruby="sqlite3",
            go="github.com/mattn/go-sqlite3 modernc.org/sqlite gorm.io/driver/sqlite "
            "github.com/glebarez/sqlite github.com/glebarez/go-sqlite "
            "github.com/ncruces/go-sqlite3 zombiezen.com/go/sqlite",
            rust="rusqlite tokio-rusqlite",
            java="org.xerial:sqlite-jdbc",
            dotnet="microsoft.data.sqlite microsoft.data.sqlite.core system.data.sqlite "
            "system.data.sqlite.core microsoft.entityframeworkcore.sqlite",
            elixir="exqlite ecto_sqlite3",
            dart="sqlite3",
            swift="sqlite-nio fluent-sqlite-driver sqlite.swift",
            crystal="sqlite3",
            gleam="sqlight",
            haskell="sqlite-simple persistent-sqlite",
        ),
        variables=re.compile(r"(^|_)SQLITE(3)?(_|$)"),
        schemes=("sqlite:", "sqlite+", "jdbc:sqlite:"),
        speaks_sql=True,
        is_database=True,
        is_file=True,
    ),
    ServiceRecord(
        kind="mongodb",
        name="MongoDB",
        drivers=packages(
            node="mongodb mongoose @typegoose/typegoose @nestjs/mongoose connect-mongo "
            "@payloadcms/db-mongodb @fastify/mongodb @mikro-orm/mongodb",
            python="pymongo motor mongoengine beanie odmantic djongo flask-pymongo "
            "flask-mongoengine django-mongodb-backend",
            ruby="mongo mongoid",
            php="mongodb/mongodb mongodb/laravel-mongodb jenssegers/mongodb "
            "doctrine/mongodb-odm doctrine/mongodb-odm-bundle",
            go="go.mongodb.org/mongo-driver",
            rust="mongodb",
            java="org.mongodb:mongodb-driver-sync org.mongodb:mongodb-driver-reactivestreams "
            "org.mongodb:mongo-java-driver org.mongodb:mongodb-driver-kotlin-coroutine "
            "org.mongodb.scala:mongo-scala-driver org.litote.kmongo:kmongo com.novemberain:monger "
            "org.springframework.boot:spring-boot-starter-data-mongodb "
            "org.springframework.boot:spring-boot-starter-data-mongodb-reactive "
            "io.quarkus:quarkus-mongodb-client io.quarkus:quarkus-mongodb-panache",
            dotnet="mongodb.driver mongodb.entityframeworkcore",
            elixir="mongodb mongodb_driver",
            dart="mongo_dart",
            swift="mongokitten",
            crystal="mongo",
        ),
        variables=re.compile(r"(^|_)(MONGO|MONGODB)(_|$)|^MONGO(HOST|URL|URI)"),
        schemes=("mongodb:", "mongodb+srv:"),
        is_database=True,
    ),
)
