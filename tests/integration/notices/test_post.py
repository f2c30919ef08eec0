"""Handing a message to a mail server: secured, with a password, and whatever the server says."""

import asyncio
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from engine.errors import BadInput
from engine.mailserver import MailServer
from engine.notices.post import FolderPost, ServerPost, Trouble
from engine.records.tables.base import DeliveryTrouble
from tests.integration.notices.server import PASSWORD, USER, MailServerOfTests

SENDER, RECIPIENT = "passation@clinique.example", "camille@courriel.example"


@pytest.fixture(autouse=True)
def _rules_hold() -> None:
    """There is no database here to check."""


def mail(number: int = 1) -> EmailMessage:
    written = EmailMessage()
    written["Message-ID"] = f"<{number}@passation>"
    written["From"], written["To"], written["Subject"] = SENDER, RECIPIENT, "Essai"
    written.set_content("Bonjour à vous")
    return written


async def trouble_of(post: ServerPost, written: EmailMessage | None = None) -> Trouble:
    with pytest.raises(Trouble) as raised:
        await post.send(written or mail(), SENDER, RECIPIENT)
    return raised.value


class TestSecured:
    async def test_tls_from_the_first_byte_with_a_password(
        self, authority: trustme.CA, authority_file: Path
    ) -> None:
        with MailServerOfTests(authority=authority, tls=True) as server:
            url = f"smtps://127.0.0.1:{server.port}?authority={authority_file}"
            post = ServerPost(MailServer.of_url(url))
            await post.send(mail(), SENDER, RECIPIENT)
            await post.close()

        assert server.by_id == {"<1@passation>": 1}

    async def test_starttls_then_a_password(self, authority: trustme.CA, authority_file: Path) -> None:
        with MailServerOfTests(authority=authority, login=True) as server:
            name = f"{quote(USER)}:{quote(PASSWORD)}@127.0.0.1:{server.port}"
            post = ServerPost(MailServer.of_url(f"smtp://{name}?authority={authority_file}"))
            await post.send(mail(), SENDER, RECIPIENT)
            await post.close()

        assert server.by_id == {"<1@passation>": 1}

    async def test_wrong_password_holds_every_message_back(
        self, authority: trustme.CA, authority_file: Path
    ) -> None:
        with MailServerOfTests(authority=authority, login=True) as server:
            url = f"smtp://{USER}:faux@127.0.0.1:{server.port}?authority={authority_file}"
            trouble = await trouble_of(ServerPost(MailServer.of_url(url)))

        assert (trouble.word, trouble.for_all, trouble.for_good) == (DeliveryTrouble.CREDENTIALS, True, False)
        assert server.taken == []

    async def test_unknown_certificate_is_not_trusted(self, authority: trustme.CA) -> None:
        with MailServerOfTests(authority=authority, tls=True) as server:
            url = f"smtps://127.0.0.1:{server.port}"
            trouble = await trouble_of(ServerPost(MailServer.of_url(url)))

        assert (trouble.word, trouble.for_all) == (DeliveryTrouble.TLS, True)
        assert server.taken == []

    async def test_nothing_goes_in_the_clear_unless_that_was_asked(self, server: MailServerOfTests) -> None:
        trouble = await trouble_of(ServerPost(MailServer.of_url(f"smtp://127.0.0.1:{server.port}")))

        assert (trouble.word, trouble.for_all) == (DeliveryTrouble.TLS, True)
        assert server.taken == []


class TestWhatTheServerSays:
    async def test_one_connection_for_many_messages(self, server: MailServerOfTests) -> None:
        post = ServerPost(MailServer.of_url(server.url))
        for number in range(5):
            await post.send(mail(number), SENDER, RECIPIENT)
        await post.close()

        assert (len(server.taken), server.connections) == (5, 1)

    @pytest.mark.parametrize(
        ("said", "word", "for_good"),
        [
            ("451 later", DeliveryTrouble.LATER, False),
            ("554 no", DeliveryTrouble.REFUSED, True),
        ],
    )
    async def test_about_the_message(
        self, server: MailServerOfTests, said: str, word: DeliveryTrouble, for_good: bool
    ) -> None:
        post = ServerPost(MailServer.of_url(server.url))
        server.answer = lambda _: said
        trouble = await trouble_of(post)
        server.answer = lambda _: "250 taken"
        await post.send(mail(2), SENDER, RECIPIENT)
        await post.close()

        assert (trouble.word, trouble.for_good, trouble.for_all) == (word, for_good, False)
        assert trouble.code == int(said[:3])
        assert (server.by_id, server.connections) == ({"<2@passation>": 1}, 1)

    @pytest.mark.parametrize(("said", "for_good"), [("450 greylisted", False), ("550 unknown", True)])
    async def test_about_the_recipient(self, server: MailServerOfTests, said: str, for_good: bool) -> None:
        post = ServerPost(MailServer.of_url(server.url))
        server.at_recipient = lambda _: said
        trouble = await trouble_of(post)
        await post.close()

        assert (trouble.for_good, trouble.for_all, trouble.code) == (
            for_good,
            False,
            int(said.split(maxsplit=1)[0]),
        )

    async def test_hung_up_in_the_middle_then_connects_anew(self, server: MailServerOfTests) -> None:
        post = ServerPost(MailServer.of_url(server.url))
        server.answer = lambda _: "hang up"
        trouble = await trouble_of(post)
        server.answer = lambda _: "250 taken"
        await post.send(mail(), SENDER, RECIPIENT)
        await post.close()

        assert (trouble.word, trouble.for_all) == (DeliveryTrouble.UNREACHABLE, True)
        assert server.by_id == {"<1@passation>": 1}

    async def test_hangs(self, server: MailServerOfTests) -> None:
        server.answer = lambda _: "hang"
        post = ServerPost(MailServer.of_url(server.url), timeout=0.3)

        trouble = await trouble_of(post)

        assert (trouble.word, trouble.for_all) == (DeliveryTrouble.TIMEOUT, True)

    async def test_nobody_listens(self) -> None:
        with MailServerOfTests() as server:
            url = server.url
        trouble = await trouble_of(ServerPost(MailServer.of_url(url)))

        assert (trouble.word, trouble.for_all) == (DeliveryTrouble.UNREACHABLE, True)

    async def test_its_words_stay_there(self, server: MailServerOfTests) -> None:
        """A server quotes addresses, and sometimes the mail itself."""
        server.answer = lambda _: "554 camille@courriel.example wrote Bonjour"

        trouble = await trouble_of(ServerPost(MailServer.of_url(server.url)))

        assert str(trouble) == "refused"
        assert trouble.__cause__ is None


class TestFolder:
    async def test_repeat_replaces_the_message(self, tmp_path: Path) -> None:
        post = FolderPost(tmp_path / "mail")
        for _ in range(3):
            await post.send(mail(), SENDER, RECIPIENT)

        assert [file.name for file in (tmp_path / "mail").iterdir()] == ["1.eml"]
        assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700

    async def test_folder_that_cannot_be_written_holds_every_message_back(self, tmp_path: Path) -> None:
        (tmp_path / "mail").write_text("a file")

        with pytest.raises(Trouble) as raised:
            await FolderPost(tmp_path / "mail").send(mail(), SENDER, RECIPIENT)

        assert raised.value.for_all


class TestUrl:
    def test_defaults(self) -> None:
        assert MailServer.of_url("smtp://mail.example").port == 587
        assert MailServer.of_url("smtps://mail.example").port == 465
        assert MailServer.of_url("smtp://mail.example").security == "starttls"

    @pytest.mark.parametrize(
        "url",
        [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://mail.example:x",
            "smtp://mail.example/inbox",
            "smtps://mail.example?tls=no",
            "smtp://mail.example?tls=maybe",
        ],
    )
    def test_refused_without_repeating_it(self, url: str) -> None:
        with pytest.raises(BadInput) as raised:
            MailServer.of_url(url)

        assert raised.value.key == "bad_input/smtp_url"
        assert raised.value.params == {}


def test_cancelled_send_leaves_no_connection(server: MailServerOfTests) -> None:
    async def scene() -> None:
        server.answer = lambda _: "hang"
        post = ServerPost(MailServer.of_url(server.url))
        sending = asyncio.create_task(post.send(mail(), SENDER, RECIPIENT))
        await asyncio.sleep(0.2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await post.close()

    asyncio.run(scene())
    assert server.taken == []
