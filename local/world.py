"""The names of the local cloud: those of production, as in the article that transship automates."""

import json

PROJECT = "sample-project"
PROJECT_NUMBER = 123456789012
LOCATION = "asia-northeast1"
REMOTE = "docker"
MIRROR_HOST = f"{LOCATION}-docker.pkg.dev"
MIRROR = f"{MIRROR_HOST}/{PROJECT}/{REMOTE}"

IMAGE = "dockersamples/static-site"
SERVICE = "image-from-docker-hub"

HUB_ACCOUNT = ("transship", "dckr_pat_local")
WEBHOOK_SECRET = "local-secret-of-the-webhook"


def account(name: str) -> str:
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


DEPLOYER = account("transship-deploy")
WARMER = account("transship-warm")
REFRESHER = account("transship-refresh")
RUNTIME = account("transship-runtime")
CONSOLE = account("transship-console")
RUN_AGENT = f"service-{PROJECT_NUMBER}@serverless-robot-prod.iam.gserviceaccount.com"


def topic(name: str) -> str:
    return f"projects/{PROJECT}/topics/{name}"


def subscription(name: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{name}"


DEPLOY = topic("transship-deploy")
REDEPLOY = topic("transship-redeploy")
HINTS = topic("transship-hints")
WARM = topic("transship-warm")
ROLLOUTS = topic("transship-rollouts")
PROGRESS = topic("transship-progress")
OUTCOMES = topic("transship-outcomes")
DEAD_LETTER = topic("transship-dead-letter")
NOTICES = topic("transship-notices")
GCR = topic("gcr")

# Of the page: who is signed in where, and what IAP's assertions are for.
OPERATOR = "operator@example.com"
VIEWER = "viewer@example.com"
PAGE = f"/projects/{PROJECT_NUMBER}/locations/{LOCATION}/services/transship-console"
PAGE_KEY = "local-key-of-the-forms-of-the-page"

# The default policy allows no public service and no adoption; here everybody may look.
POLICY = json.dumps({"public": ["**"], "adopt": ["**"]})
