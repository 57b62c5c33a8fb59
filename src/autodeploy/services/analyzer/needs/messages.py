"""What apps send: messages through queues, and mail.

Package names are those of each language's registry; npm's and PyPI's were looked up 2026-11.
"""

import re

from autodeploy.services.analyzer.needs.record import AWS, ServiceRecord, packages

MESSAGES = (
    ServiceRecord(
        kind="rabbitmq",
        name="RabbitMQ",
        drivers=packages(
            node="amqplib amqp-connection-manager rascal @cloudamqp/amqp-client "
            "@golevelup/nestjs-rabbitmq",
            python="pika aio-pika aioamqp",
            ruby="bunny sneakers",
            php="php-amqplib/php-amqplib symfony/amqp-messenger "
            "vladimir-yuldashev/laravel-queue-rabbitmq",
            go="github.com/rabbitmq/amqp091-go github.com/streadway/amqp "
            "github.com/wagslane/go-rabbitmq",
            rust="lapin amqprs deadpool-lapin",
            java="com.rabbitmq:amqp-client org.springframework.boot:spring-boot-starter-amqp "
            "io.quarkus:quarkus-messaging-rabbitmq com.novemberain:langohr "
            "io.quarkus:quarkus-smallrye-reactive-messaging-rabbitmq",
            dotnet="rabbitmq.client masstransit.rabbitmq easynetq aspire.rabbitmq.client",
            elixir="amqp broadway_rabbitmq",
        ),
        variables=re.compile(r"(^|_)(AMQP|AMQPS|RABBITMQ|RABBIT|CLOUDAMQP)(_|$)"),
        schemes=("amqp:", "amqps:", "pyamqp:"),
    ),
    ServiceRecord(
        kind="kafka",
        name="Kafka",
        drivers=packages(
            node="kafkajs node-rdkafka @confluentinc/kafka-javascript",
            python="kafka-python kafka-python-ng confluent-kafka aiokafka faust faust-streaming",
            ruby="ruby-kafka rdkafka karafka racecar",
            go="github.com/segmentio/kafka-go github.com/ibm/sarama github.com/shopify/sarama "
            "github.com/confluentinc/confluent-kafka-go github.com/twmb/franz-go",
            rust="rdkafka",
            java="org.apache.kafka:kafka-clients org.apache.kafka:kafka-streams "
            "org.springframework.kafka:spring-kafka io.quarkus:quarkus-kafka-client "
            "org.springframework.boot:spring-boot-starter-kafka io.quarkus:quarkus-messaging-kafka",
            dotnet="confluent.kafka masstransit.kafka aspire.confluent.kafka",
            elixir="brod broadway_kafka kafka_ex",
        ),
        variables=re.compile(r"(^|_)KAFKA_"),
        schemes=("kafka:",),
    ),
    ServiceRecord(
        kind="nats",
        name="NATS",
        drivers=packages(
            node="nats @nats-io/transport-node @nats-io/nats-core @nats-io/jetstream",
            python="nats-py",
            ruby="nats-pure",
            php="basis-company/nats",
            go="github.com/nats-io/nats.go",
            rust="async-nats nats",
            java="io.nats:jnats",
            dotnet="nats.net nats.client nats.client.core aspire.nats.net",
            elixir="gnat",
        ),
        variables=re.compile(r"(^|_)NATS_"),
        schemes=("nats:",),
    ),
    ServiceRecord(
        kind="sqs",
        name="Amazon SQS",
        drivers=packages(
            node="@aws-sdk/client-sqs sqs-consumer sqs-producer",
            python="celery[sqs]",
            ruby="aws-sdk-sqs shoryuken",
            php="symfony/amazon-sqs-messenger async-aws/sqs",
            go="github.com/aws/aws-sdk-go-v2/service/sqs",
            rust="aws-sdk-sqs",
            java="software.amazon.awssdk:sqs com.amazonaws:aws-java-sdk-sqs "
            "io.awspring.cloud:spring-cloud-aws-starter-sqs",
            dotnet="awssdk.sqs masstransit.amazonsqs",
            elixir="ex_aws_sqs broadway_sqs",
        ),
        toolkits=AWS,
        variables=re.compile(r"(^|_)SQS_"),
        schemes=("sqs:",),
    ),
    ServiceRecord(
        kind="mail",
        name="mail",
        drivers=packages(
            node="nodemailer @sendgrid/mail resend postmark mailgun.js mailgun-js mailersend "
            "@aws-sdk/client-ses @aws-sdk/client-sesv2 @getbrevo/brevo email-templates "
            "@mailchimp/mailchimp_transactional @nestjs-modules/mailer "
            "@payloadcms/email-nodemailer @payloadcms/email-resend",
            python="sendgrid resend postmarker mailjet-rest mailersend sib-api-v3-sdk brevo-python "
            "django-anymail django-ses flask-mail flask-mailman fastapi-mail aiosmtplib emails "
            "yagmail",
            ruby="sendgrid-ruby sendgrid-actionmailer postmark postmark-rails mailgun-ruby "
            "mailgun_rails resend aws-sdk-ses aws-sdk-sesv2 aws-actionmailer-ses mailjet",
            php="phpmailer/phpmailer sendgrid/sendgrid resend/resend-php resend/resend-laravel "
            "mailgun/mailgun-php symfony/mailgun-mailer symfony/postmark-mailer "
            "symfony/sendgrid-mailer symfony/amazon-mailer wildbit/postmark-php",
            go="github.com/sendgrid/sendgrid-go github.com/resend/resend-go "
            "github.com/mailgun/mailgun-go gopkg.in/gomail github.com/wneessen/go-mail "
            "github.com/xhit/go-simple-mail github.com/jordan-wright/email "
            "github.com/aws/aws-sdk-go-v2/service/ses github.com/aws/aws-sdk-go-v2/service/sesv2",
            rust="lettre resend-rs aws-sdk-sesv2",
            java="org.springframework.boot:spring-boot-starter-mail com.sun.mail:jakarta.mail "
            "com.sun.mail:javax.mail org.eclipse.angus:angus-mail com.sendgrid:sendgrid-java "
            "org.simplejavamail:simple-java-mail io.quarkus:quarkus-mailer com.resend:resend-java "
            "com.draines:postal",
            dotnet="mailkit sendgrid fluentemail.smtp fluentemail.mailkit postmark resend "
            "awssdk.simpleemail awssdk.simpleemailv2",
            elixir="bamboo bamboo_smtp gen_smtp",
            dart="mailer",
        ),
        # These come with the skeletons of Phoenix, Symfony and Laravel.
        toolkits=packages(elixir="swoosh", php="symfony/mailer"),
        variables=re.compile(
            r"(^|_)(SMTP|MAILER)_|^(EMAIL|MAIL)_(HOST|SERVER|URL|DSN|HOST_USER|HOST_PASSWORD|RELAY)$"
            r"|^(EMAIL_SERVER|SMTP|MAILER_DSN)$"
            r"|(^|_)(SENDGRID|RESEND|POSTMARK|MAILGUN|MAILJET|MAILERSEND|BREVO|MANDRILL|SPARKPOST)_"
        ),
        schemes=("smtp:", "smtps:"),
    ),
)
