"""No secret survives, and nothing else changes."""

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from huberflow.pipeline import config
from huberflow.pipeline.system.masking import masked, masked_text

DEFAULT_CONFIG = Path(config.__file__).with_name("default.yaml")

NAMES = [
    "password",
    "db_password",
    "dbPassword",
    "PGPASSWORD",
    "DB-Passwd",
    "passphrase",
    "client_secret",
    "clientSecret",
    "secrets",
    "token",
    "MLFLOW_TRACKING_TOKEN",
    "access_tokens",
    "apiKey",
    "x-api-key",
    "API key",
    "AWS_SECRET_ACCESS_KEY",
    "private_key",
    "AccountKey",
    "credential",
    "credentials",
    "Authorization",
    "password2",
]
BENIGN_NAMES = [
    "tokenizer",
    "max_tokens",
    "oov_token",
    "mask_token",
    "key",
    "label_key",
    "keyboard",
    "vocabulary",
    "secretary",
    "password_file",
    "signature",
    "PWD",
]


class TestNames:
    @pytest.mark.parametrize("name", NAMES)
    def test_of_a_secret(self, name):
        assert masked({name: "hunter2"}) == {name: "***"}

    @pytest.mark.parametrize("name", BENIGN_NAMES)
    def test_of_no_secret(self, name):
        assert masked({name: "hunter2"}) == {name: "hunter2"}

    def test_of_a_group_of_secrets(self):
        secrets = {"user": "ada", "codes": ["x", 7, None]}
        assert masked({"credentials": secrets}) == {
            "credentials": {"user": "***", "codes": ["***", "***", None]}
        }

    @pytest.mark.parametrize("nothing", [None, "", True, False])
    def test_of_nothing(self, nothing):
        assert masked({"password": nothing}) == {"password": nothing}


class TestText:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("postgresql://user:pw@host:5432/db", "postgresql://***@host:5432/db"),
            ("mysql+pymysql://user:p@ss@host/db", "mysql+pymysql://***@host/db"),
            ("https://token@github.com/a/b", "https://***@github.com/a/b"),
            ("postgresql://ada:p/w@host/db", "postgresql://***@host/db"),
            ("postgresql://ada:p@s/w@host/db", "postgresql://***@host/db"),
            ("mysql://ada:p?w#d@host/db", "mysql://***@host/db"),
            ("redis://:p/w@host:6379/0", "redis://***@host:6379/0"),
            ("https://ada@mail.com:pw@host/db", "https://***@host/db"),
            ("http://ada:1234@host:80/x", "http://***@host:80/x"),
            ("http://token@host:80/to/me@mail.com", "http://***@host:80/to/me@mail.com"),
            ("http://a:1/x,http://ada:pw@b:2/y", "http://a:1/x,http://***@b:2/y"),
            ("https://h/a?pat=x&n=1", "https://h/a?pat=***&n=1"),
            ("AZURE_DEVOPS_EXT_PAT=x n=1", "AZURE_DEVOPS_EXT_PAT=*** n=1"),
            ("Server=h;Uid=ada;Pwd=hunter2;Port=1", "Server=h;Uid=ada;Pwd=***;Port=1"),
            ("Server=h; Uid=ada; pwd=hunter2", "Server=h; Uid=ada; pwd=***"),
            ("Pwd=hunter2;Uid=ada", "Pwd=***;Uid=ada"),
            ("//registry.npmjs.org/:_authToken=x", "//registry.npmjs.org/:_authToken=***"),
            ("https://h/a?token=x&n=1", "https://h/a?token=***&n=1"),
            ("pkcs11:token=t;object=o?pin-value=1234", "pkcs11:token=t;object=o?pin-value=***"),
            ("https://h/a?n=1&sig=x%3D#end", "https://h/a?n=1&sig=***"),
            ("https://h/a?X-Amz-Signature=0a&n=1", "https://h/a?X-Amz-Signature=***&n=1"),
            ("run --db_password=hunter2 --steps=5", "run --db_password=*** --steps=5"),
            ("run --token hunter2 --steps 5", "run --token *** --steps 5"),
            ("password: hunter2, user: ada", "password: ***, user: ada"),
            ("PASSWORD=hun,ter2; done", "PASSWORD=***; done"),
            ("AccountKey=ab==;Suffix=core", "AccountKey=***;Suffix=core"),
            ("(password=hunter2)", "(password=***)"),
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("Authorization: Basic dXNlcjpwdw==", "Authorization: ***"),
            ("header Bearer abc.def sent", "header Bearer *** sent"),
            ('{"password": "two words", "n": 1}', '{"password": "***", "n": 1}'),
            ('{"password":"x","n":1}', '{"password":"***","n":1}'),
            (r'{"password": "a\"b", "n": 1}', '{"password": "***", "n": 1}'),
            (r'"{\"password\": \"x\", \"n\": 1}"', r'"{\"password\": \"***\", \"n\": 1}"'),
            ("{'password': b'x', 'n': 1}", "{'password': '***', 'n': 1}"),
            ("environ['DB_PASSWORD'] = 'x'", "environ['DB_PASSWORD'] = '***'"),
            ('"passwords": ["a", "b"], "n": 1', '"passwords": ***, "n": 1'),
            ('password="cut off', 'password="***'),
            ("password=SecretStr('hunter2')", "password=***')"),
            ('{"run":"--password=x","n":"y"}', '{"run":"--password=***","n":"y"}'),
        ],
    )
    def test_loses_its_secret(self, text, expected):
        assert masked_text(text) == expected

    @pytest.mark.parametrize(
        "secret",
        [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_" + "a1" * 18,
            "github_pat_" + "a1" * 20,
            "glpat-" + "a1" * 10,
            "hf_" + "aB" * 17,
            "sk-" + "a1" * 24,
            "sk-proj-" + "a1" * 24,
            "xoxb-" + "1" * 12,
            "AIza" + "b" * 35,
            "npm_" + "a1B2" * 9,
            "pypi-AgEIcHlwaS5vcmc" + "aB1-_" * 12,
            "dapi" + "0a" * 16,
            "dapi" + "0a" * 16 + "-2",
            "dop_v1_" + "0a" * 32,
            "doo_v1_" + "0a" * 32,
            "ya29." + "a0AfH6_-" * 8,
            "GOCSPX-" + "aB1-" * 7,
            "xapp-1-" + "A1" * 20,
            "glrt-" + "a1" * 10,
            "sk_live_" + "a1" * 12,
            "SG." + "a" * 22 + "." + "b" * 43,
            "hvs." + "a1" * 20,
            "dckr_pat_" + "a1" * 12,
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-1,0A\n\nMIIE\n"
            "-----END RSA PRIVATE KEY-----",
        ],
    )
    def test_loses_what_has_the_shape_of_a_key(self, secret):
        assert masked_text(f"found {secret} here") == "found *** here"

    @pytest.mark.parametrize(
        "address",
        [
            "https://hooks.slack.com/services/{}",
            "https://hooks.slack.com/workflows/{}",
            "https://discord.com/api/webhooks/{}",
            "https://fares.webhook.office.com/webhookb2/{}",
        ],
    )
    def test_loses_what_lets_anybody_post_to_a_webhook(self, address):
        text = masked_text("posted to " + address.format("T0A1/B0A1/" + "aB1" * 8))
        assert text == "posted to " + address.format("***")

    @pytest.mark.parametrize(
        "text",
        [
            "max_tokens: 5, tokenizer=bert, vocabulary: words, key=4",
            "password: null, token: None, secret=true",
            'password="" user="ada"',
            '"credentials": {"user": "ada"}',
            "if token == other:",
            "git@github.com:a/b.git",
            "cd /tmp; PATTERN=x; export PWD=/tmp",
            "https://h/a?pattern=x&path=y",
            "http://[::1]:5000/people/me@example.com",
            "see s3://bucket/key:with@sign and npm_config_cache, pypi-mirror",
            "http://host:8080/people/me@example.com?to=me@example.com",
            "sqlite:////work/mlflow.db",
            "scikit-learn, hf_hub_download, task-based-learning-in-many-words",
        ],
    )
    def test_without_a_secret_stays(self, text):
        assert masked_text(text) == text


class TestLists:
    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            (["run", "--token", "hunter2", "--n", "5"], ["run", "--token", "***", "--n", "5"]),
            (["--ask-password", "--verbose"], ["--ask-password", "--verbose"]),
        ],
    )
    def test_an_option_hides_the_next_item_unless_it_is_an_option(self, items, expected):
        assert masked(items) == expected


def test_the_default_config_stays():
    config = yaml.safe_load(DEFAULT_CONFIG.read_text())
    assert masked(config) == config
    assert masked_text(DEFAULT_CONFIG.read_text()) == DEFAULT_CONFIG.read_text()


def test_the_value_itself_is_not_changed():
    value = {"password": "hunter2", "list": [{"token": "x"}]}
    masked(value)
    assert value == {"password": "hunter2", "list": [{"token": "x"}]}


SECRETS = st.from_regex(r"[a-zA-Z0-9!$%^*_+.~-]{12,20}", fullmatch=True)
WORDS = st.sampled_from(["steps", "loss", "name", "config", "taxi", "a: b", "x, y", '"q"', ""])
PLANTED = st.sampled_from(
    [
        "postgresql://ada:{}@host/db",
        "https://host/path?n=1&api_key={}&m=2",
        "--db_password={}",
        "run --token '{}' now",
        "password: {}",
        'PASSWORD="{}"',
        '{{"apiKey": "{}", "n": 1}}',
        "Bearer {}",
        "Authorization: Basic {}\nnext line",
        "Traceback:\n  connect(password='{}')\nError",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below),
    max_leaves=8,
)


@st.composite
def with_a_secret(draw):
    """A value, and the secret somewhere in it."""
    secret = draw(SECRETS)
    assume(not secret.startswith("-"))
    text = draw(WORDS) + " " + draw(PLANTED).format(secret) + "\n" + draw(WORDS)
    value = draw(
        st.sampled_from(
            [
                text,
                {text: 1},
                ["--api-key", secret],
                {draw(st.sampled_from(NAMES)): secret},
                {"secrets": [{"x": secret}]},
                {"config": json.dumps({"password": secret, "n": [1]})},
                {"config": json.dumps({"inner": json.dumps({"token": secret})})},
            ]
        )
    )
    for _ in range(draw(st.integers(0, 3))):
        other = draw(JSON)
        value = draw(st.sampled_from([[other, value], {"a": value, "b": other}]))
    return value, secret


def shape(value):
    if isinstance(value, dict):
        return {masked(key): shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "leaf"


# How fast a loaded machine draws is not what is tested.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(with_a_secret())
def test_a_secret_survives_nowhere(planted):
    value, secret = planted
    assert secret not in json.dumps(masked(value))


@given(JSON | with_a_secret().map(lambda planted: planted[0]))
@example({"password": ["x", {"y": 'token="a'}]})
def test_the_shape_is_kept(value):
    assert shape(masked(value)) == shape(value)


@given(JSON | with_a_secret().map(lambda planted: planted[0]))
def test_masking_twice_is_masking_once(value):
    assert masked(masked(value)) == masked(value)


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "2024-01-01 INFO tfx: connect to http://host with password=x\n",
        "password=",
        "password=[",
        'password="a ',
        "password=,",
        "password=a,b=",
        '\\\\"',
        "://a",
        "://a:b",
        "a://b:c@d ",
        ";pwd=",
        "pwd=a;",
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaa.",
        "sk-",
        "--token ",
        "?a-",
        " ",
    ],
)
def test_takes_time_in_proportion_to_the_text(part):
    text = part * (1_000_000 // len(part))
    began = time.process_time()
    masked_text(text)
    assert time.process_time() - began < 2  # a quadratic pattern takes minutes
