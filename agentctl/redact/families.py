"""Forms of tokens that their issuers made public, a family a line.

Each line is a name, the prefix, the alphabet of what follows and how much of it is at
least there. Shorter than issued is enough where the prefix says it all: a message may
have been cut. A prefix that could begin a pod's name asks for what no name holds.
"""

from __future__ import annotations

from agentctl.lazy_namedtuple import NamedTuple

ALPHABETS = {
    "alnum": "[A-Za-z0-9]",
    "word": "[A-Za-z0-9_]",
    "url": r"[A-Za-z0-9_\-]",
    "base64": r"[A-Za-z0-9+/_=\-]",
    "dotted": r"[A-Za-z0-9_.\-]",
    "upper": "[A-Z0-9]",
    "hex": "[0-9A-Fa-f]",
    "path": r"[^\s\"'`<>\\,;)\]}]",
    # With a letter that no name of an object holds, and a digit that few words do.
    "mixed": r"(?=[a-z0-9_.\-]{0,200}[A-Z])(?=[A-Za-z_.\-]{0,200}[0-9])[A-Za-z0-9_.\-]",
}
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

PREFIXED = """
1password_secret_key A3- upper- 26
1password_service_account ops_eyJ base64 20
adafruit_io aio_ alnum 20
adobe_client_secret p8e- url 20
adyen_api_key AQE mixed 60
age_secret_key AGE-SECRET-KEY-1 upper 20
aikido_ci AIK_CI_ word 16
aikido_client_secret AIK_SECRET_ word 16
aiven_service_password AVNS_ url 10
alibaba_access_key LTAI alnum 12
amazon_mws amzn.mws. url 20
amazon_oauth_secret amzn1.oa2-cs.v1. hex 20
sk_ant_api_key sk-ant- url 16
apify apify_ word 24
artifactory_api_key AKC alnum 32
artifactory_reference_token cmVmdGtu alnum 32
asaas aact_ path 20
astra_cs AstraCS: path 16
atlassian_api_token ATATT base64 20
atlassian_oauth ATOA base64 20
atlassian_service_token ATSTT base64 20
atlassian_admin_key ATCTT base64 20
aws_access_key AKIA upper 12
aws_temporary_access_key ASIA upper 12
aws_bearer ABIA upper 12
aws_context_credential ACCA upper 12
aws_older_access_key A3T upper 16
aws_bedrock_key ABSK base64 32
aws_bedrock_short_key bedrock-api-key- base64 20
aws_session_token IQoJb3JpZ2luX2Vj base64 16
aws_session_token_old FwoGZXIvYXdz base64 16
baidu_cloud bce-v3/ALTAK- path 16
beamer b_ url+ 40
bitbucket_app_password ATBB base64 20
bitbucket_server BBDC- base64 20
block_protocol b10ck5. dotted 20
brevo_api_key xkeysib- url 20
brevo_smtp_key xsmtpsib- url 20
buildkite_agent_access bkaa_ word 20
buildkite_agent_job bkaj_ word 20
buildkite_agent_registration bkar_ word 20
buildkite_cluster bkct_ word 20
buildkite_cluster_queue bkcq_ word 20
buildkite_packages bkpr_ word 20
buildkite_packages_temporary bkpt_ word 20
buildkite_portal_secret bkps_ word 20
buildkite_user_access bkua_ word 20
canada_notify gcntfy- url 20
canva cnvca alnum 20
cashfree cfsk_ma_ word 20
cfx_server_key cfxk_ word 16
checkout_sandbox sk_sbox_ alnum 16
chief_tools ctp_ alnum 32
circleci_personal CCIPAT_ word 20
circleci_project CCIPRJ_ word 20
clickhouse_cloud 4b1d alnum 38
clojars CLOJARS_ alnum 20
cloudflare_account cfat_ alnum 20
cloudflare_global cfk_ alnum 20
cloudflare_origin_ca v1.0- url 40
cloudflare_user cfut_ alnum 20
cockroach_cloud CCDB1_ word 20
contentful CFPAT- url 20
crates_io cio alnum 32
databento db- mixed 29
databricks dapi hex 32
databricks_oauth dose hex 32
databricks_scoped dkea hex 32
datadog_rcm DDRCM_ word 16
defined_networking dnkey- url 20
dependency_track odt_ alnum 32
deno_deploy ddp_ alnum 32
deno_deploy_org ddw_ alnum 32
devcycle_client dvc_client_ word 16
devcycle_mobile dvc_mobile_ word 16
devcycle_server dvc_server_ word 16
digitalocean_oauth doo_v1_ hex 20
digitalocean_personal dop_v1_ hex 20
digitalocean_refresh dor_v1_ hex 20
digitalocean_system dos_v1_ hex 20
docker_organization dckr_oat_ url 10
docker_personal dckr_pat_ url 10
docker_swarm_join SWMTKN- url 16
docker_swarm_unlock SWMKEY- base64 16
doppler_audit dp.audit. alnum 20
doppler_cli dp.ct. alnum 20
doppler_personal dp.pt. alnum 20
doppler_scim dp.scim. alnum 20
doppler_service dp.st. dotted 20
doppler_service_account dp.sa. alnum 20
dropbox sl. mixed 60
dropbox_user sl.u. url 40
duffel_live duffel_live_ base64 20
duffel_test duffel_test_ base64 20
dynatrace_api dt0c01. dotted 20
dynatrace_internal dt0s dotted 24
e2b e2b_ hex 32
easypost_production EZAK alnum 32
easypost_test EZTK alnum 32
ebay_production PRD- hex- 20
ebay_sandbox SBX- hex- 20
elevenlabs sk_ hex 40
elastic_cloud essu_ base64 20
endor_labs endr+ alnum 16
facebook EAA alnum 60
facebook_page EAAC alnum 40
figma_oauth figo_ base64 20
figma_personal figd_ base64 20
figma_plugin figp_ base64 20
firebase_messaging AAAA fcm 60
flutterwave FLWSECK- dotted 12
flutterwave_test FLWSECK_TEST- dotted 12
fleetbase flb_live_ alnum 16
flexport shltm_ url 32
fly_io_macaroon fm1 flyio 60
fly_io_macaroon_2 fm2_ base64 60
fly_io_oauth fo1_ url 32
frame_io fio-u- base64 20
fullstory na1. base64+ 60
github_app_installation ghs_ alnum 10
github_fine_grained github_pat_ word 10
github_oauth gho_ alnum 10
github_personal ghp_ alnum 10
github_refresh ghr_ alnum 10
github_user_to_server ghu_ alnum 10
gitlab_agent glagent- dotted 10
gitlab_ci_job glcbt- dotted 10
gitlab_deploy gldt- dotted 10
gitlab_feature_flag glffct- dotted 10
gitlab_feed glft- dotted 10
gitlab_incoming_mail glimt- dotted 10
gitlab_oauth_secret gloas- dotted 10
gitlab_personal glpat- dotted 10
gitlab_pipeline_trigger glptt- dotted 10
gitlab_runner glrt- dotted 10
gitlab_runner_registration GR1348941 url 10
gitlab_runner_registration_2 glrtr- dotted 10
gitlab_scim glsoat- dotted 10
gitlab_workspace glwt- dotted 10
gocardless_live live_ mixed 36
gocardless_sandbox sandbox_ mixed 36
google_api_key AIza url 20
google_bound_key AQ.Ab8 url 30
google_oauth_access ya29. dotted 8
google_oauth_code 4/0A url 30
google_oauth_refresh 1//0 url 30
google_oauth_secret GOCSPX- url 8
google_storage GOOG upper 16
grafana_cloud glc_ base64 20
grafana_service_account glsa_ word 20
groq gsk_ alnum 20
hackclub_ai sk-hc-v1- hex 20
hcaptcha ES_ hex 32
heroku HRKU- url 20
hubspot_eu pat-eu1- hex- 20
hubspot_na pat-na1- hex- 20
hubspot_na2 pat-na2- hex- 20
huggingface hf_ alnum 20
huggingface_org api_org_ alnum 20
infracost ico- alnum 32
intercom dG9rO base64 20
ionic ion_ alnum 32
iterative_studio isat_ alnum 20
langsmith lsv2_ word 24
launchdarkly_api api- uuid 1
launchdarkly_sdk sdk- uuid 1
lichess lip_ alnum 16
lichess_oauth lio_ alnum 16
lightspeed lsxs_pt_ alnum 20
linear_api lin_api_ alnum 20
linear_oauth lin_oauth_ alnum 20
linkedin_secret WPL_AP1. dotted 12
linkedin_secret_old WPL_AP0. dotted 12
localstack ls- mixed 32
logicmonitor_access lma_ path 20
logicmonitor_bearer lmb_ path 20
mailersend mlsn. hex 20
mailersend_smtp mssp. path 12
mailgun key- hex 32
mandrill md- mixed 20
mapbox_secret sk.eyJ dotted 20
mercury secret-token:mercury_ word 16
mergify mka_ alnum 20
midtrans Mid-server- url 16
midtrans_sandbox SB-Mid-server- url 16
mongodb_service_account mdb_sa_sk_ url 20
naver_cloud ncp_iam_ alnum 12
neon napi_ alnum 32
neon_2 neon_api_ url 32
new_relic_browser NRBR- hex 16
new_relic_insert NRII- url 20
new_relic_query NRIQ- url 20
new_relic_rest NRRA- url 20
new_relic_user NRAK- alnum 20
nightfall NF- alnum 32
notion ntn_ alnum 20
notion_old secret_ mixedalnum 40
npm npm_ alnum 16
nuget oy2 alnum 40
nvidia nvapi- url 20
octopus_deploy API- upper 24
oculus OC| path 20
onesignal_app os_v2_app_ alnum 20
onesignal_org os_v2_org_ alnum 20
onfido_live api_live. dotted 16
onfido_sandbox api_sandbox. dotted 16
openai sk- mixed 20
openai_admin sk-admin- url 20
openai_project sk-proj- url 16
openai_service_account sk-svcacct- url 20
openrouter sk-or-v1- hex 20
deepseek sk- hex 32
openshift sha256~ url 40
openvsx ovsxat_ url 20
orbit obu_ alnum 32
paddle_live pdl_live_apikey_ word 20
paddle_sandbox pdl_sdbx_apikey_ word 20
pagarme ak_live_ alnum 24
pagerduty_eu pdeu+ path 16
pagerduty_us pdus+ path 16
pangea pts_ alnum 20
perplexity pplx- alnum 20
persona_production persona_production_ url 16
persona_sandbox persona_sandbox_ url 16
pinecone pcsk_ word 20
pinterest_access pina_ alnum 20
pinterest_refresh pinr_ alnum 20
planetscale_oauth pscale_oauth_ dotted 20
planetscale_password pscale_pw_ dotted 20
planetscale_token pscale_tkn_ dotted 20
planning_center_personal pco_pat_ hex 32
planning_center_app pco_app_ hex 32
polar_authorization polar_ac_ url 20
polar_client_secret polar_cs_ url 20
polar_customer_session polar_cst_ url 20
polar_oauth_org polar_at_o_ url 20
polar_oauth_user polar_at_u_ url 20
polar_organization polar_oat_ url 20
polar_personal polar_pat_ url 20
polar_refresh_org polar_rt_o_ url 20
polar_refresh_user polar_rt_u_ url 20
polar_registration polar_crt_ url 20
polar_user_session polar_us_ url 20
posthog_flags phs_ word 24
posthog_oauth pha_ word 24
posthog_oauth_refresh phr_ word 24
posthog_personal phx_ word 24
postman PMAK- url 20
postman_collection PMAT- url 20
prefect_server pnb_ alnum 20
prefect_user pnu_ alnum 20
pulumi pul- hex 32
pypi pypi-AgE url 12
pypi_other pypi- mixed 16
rainforest apikey_ hex 32
rainforest_sandbox sbx_apikey_ hex 32
ramp_secret ramp_sec_ alnum 20
ramp_token ramp_tok_ alnum 20
ramp_business_token ramp_business_tok_ alnum 20
raycast rca_ hex 32
razorpay rzp_live_ alnum 12
readme rdme_ alnum 32
replicate r8_ alnum 32
resend re_ mixed 24
rootly rootly_ hex 32
rubygems rubygems_ hex 20
runpod_and_redirect_pizza rpa_ alnum 32
salesforce_consumer 3MVG9 dotted 40
salesforce_refresh 5AEP861 dotted 40
samsara samsara_api_ alnum 16
scalingo tk-us- mixed 40
segment_and_sourcegraph sgp_ word 32
sendgrid SG. dotted 24
sentry_app sntrya_ hex 32
sentry_integration sntryi_ hex 32
sentry_org sntrys_ base64 20
sentry_user sntryu_ hex 20
shippo_live shippo_live_ hex 20
shippo_test shippo_test_ hex 20
shopee shpk alnum 40
shopify_access shpat_ hex 16
shopify_custom_app shpca_ hex 16
shopify_marketplace shpmp_ hex 16
shopify_merchant shpua_ hex 16
shopify_partner prtapi_ hex 16
shopify_partner_atkn atkn_ hex 20
shopify_private_app shppa_ hex 16
shopify_shared_secret shpss_ hex 16
sindri sindri_ alnum 20
slack_app xapp- url 8
slack_bot xoxb- url 8
slack_browser xoxc- url 8
slack_config_access xoxe.xoxp- url 8
slack_config_bot xoxe.xoxb- url 8
slack_config_refresh xoxe- url 8
slack_cookie xoxd- path 8
slack_legacy xoxo- url 8
slack_refresh xoxr- url 8
slack_user xoxp- url 8
slack_user_session xoxs- url 8
slack_workspace xoxa- url 8
slack_incoming_webhook hooks.slack.com/services/ path 8
slack_workflow_webhook hooks.slack.com/workflows/ path 8
slack_trigger hooks.slack.com/triggers/ path 8
discord_webhook discord.com/api/webhooks/ path 20
discord_webhook_old discordapp.com/api/webhooks/ path 20
teams_webhook webhookb2/ path 20
teams_webhook_old outlook.office.com/webhook/ path 20
zapier_webhook hooks.zapier.com/hooks/catch/ path 8
sonar_global squ_ hex 32
sonar_project sqp_ hex 32
sonar_user sqa_ hex 32
sonar_cloud sqco_ alnum 40
sourcegraph_dotcom sgd_ word 32
sourcegraph_license slk_ hex 32
sourcegraph_subscription sgs_ hex 32
square_access EAAA url 50
square_access_old sq0atp- url 16
square_secret sq0csp- url 20
square_sandbox_secret sq0csb- url 20
stripe_live sk_live_ alnum 8
stripe_test sk_test_ alnum 8
stripe_restricted_live rk_live_ alnum 8
stripe_restricted_test rk_test_ alnum 8
stripe_production sk_prod_ alnum 8
stripe_webhook whsec_ base64 8
supabase_personal sbp_ hex 20
supabase_secret sb_secret_ url 20
tailscale tskey- url 16
tavily tvly- mixed 24
telnyx KEY0 word 40
tencent_cloud AKID alnum 24
tencent_cloud_intl IKID alnum 24
thunderstore tss_ alnum 20
twilio_account AC hex 32
twilio_api_key SK hex 32
typeform tfp_ url 32
ubidots BBFF- alnum 20
unkey unkey_ alnum 20
val_town vtwn_ url 16
vault_batch hvb. url 16
vault_recovery hvr. url 16
vault_service hvs. url 16
vercel_api_key vck_ alnum 20
vercel_app_access vca_ alnum 20
vercel_app_refresh vcr_ alnum 20
vercel_integration vci_ alnum 20
vercel_personal vcp_ alnum 20
vercel_support vcs_ alnum 20
voiceflow VF. dotted 30
volcengine AKLT base64 24
volcengine_temporary AKTP base64 24
wakatime waka_ url 32
weights_and_biases wandb_v1_ alnum 20
workato_trial wrktrial- path 20
workato wrkprod- path 20
workato_eu wrkeu- path 20
workato_us wrkus- path 20
wso2_choreo chk_eyJ base64 16
xai xai- word 40
yandex_api_key AQVN url 30
yandex_iam_token t1. yandex 40
yandex_passport y0_ url 30
yandex_passport_2 y0__ url 30
yandex_smart_captcha ysc2_ alnum 24
yandex_access_secret YC mixedalnum 38
yandex_dictionary dict.1.1. dotted 24
yandex_predictor pdct.1.1. dotted 24
yandex_translate trnsl.1.1. dotted 24
zenhub zh_ hex 40
pem_in_base64 LS0tLS1CRUdJTi base64 10
json_in_base64_spaced eyAi base64 20
json_in_base64_lines ewog base64 20
json_web_token eyJ jwt 10
"""

WITHIN = r"""
airtable_personal   pat[A-Za-z0-9]{14}\.[0-9a-f]{60,}
asana               [012]/\d{12,}[:/][0-9a-f:/\d]{30,}
authress            (?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_\-].{40,}
azure_entra_secret  [A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}
azure_identifiable  [A-Za-z0-9+/]{40,80}(?:AzCa|AzSe|AzFu|APIM|ACDb|AIoT)[A-Za-z0-9+/=]{5,80}
azure_with_a_sign   [A-Za-z0-9+/]{30,80}\+A[A-Z][A-Za-z]{1,2}[A-Za-z0-9+/=]{5,80}
azure_newer_key     [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,30}
checkout            sk_(?:test_)?{UUID}
coveo               xx{UUID}
discord_bot         [A-Za-z0-9_\-]{23,28}\.[A-Za-z0-9_\-]{6,7}\.[A-Za-z0-9_\-]{27,38}
harness             (?:pat|sat)\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
mailchimp           [0-9a-f]{32}-us\d{1,2}
mailgun_newer       [0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}
maxmind             [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk
new_relic_license   [0-9a-fx]{32}(?:FFFF)?NRAL
salesforce_access   00D[A-Za-z0-9]{9,15}!.{30,}
tableau             [A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32}
telegram_bot        \d{8,10}:AA[A-Za-z0-9_\-]{32,35}
terraform_cloud     [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{40,}
zoho                1000\.[0-9a-f]{32}\.[0-9a-f]{32}
"""


class Family(NamedTuple):
    """Tokens of one issuer and one kind."""

    name: str
    prefix: str
    alphabet: str
    least: int
    """Characters after the prefix, at least."""


def _stem(prefix: str) -> str:
    """The letters and digits that a prefix begins with."""
    for at, char in enumerate(prefix):
        if not char.isalnum():
            return prefix[:at]
    return prefix


def _families() -> tuple[Family, ...]:
    rows = (line.split() for line in PREFIXED.splitlines() if line)
    return tuple(Family(name, prefix, body, int(least)) for name, prefix, body, least in rows)


FAMILIES = _families()

BY_STEM: dict[str, list[Family]] = {}
"""By the letters and digits that stand before the first other character of a prefix."""
BY_HEAD: dict[str, list[Family]] = {}
"""By the first two characters of a prefix that has no other."""
for _family in FAMILIES:
    _start = _stem(_family.prefix)
    if _start == _family.prefix:
        BY_HEAD.setdefault(_start[:2], []).append(_family)
    else:
        BY_STEM.setdefault(_start, []).append(_family)
