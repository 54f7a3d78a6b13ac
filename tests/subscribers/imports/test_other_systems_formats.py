"""Exports of other systems as they really look: who is added, and whom each file says must get no mail."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from subscribers.imports import table_file
from subscribers.imports.other_systems_formats import FORMATS, MEMBER_LIST
from subscribers.imports.row_types import InvalidRow, ValidRow
from subscribers.imports.staff_questions import Question, Survey
from subscribers.imports.validate import row_validator

# The names of custom fields are in the database.
pytestmark = pytest.mark.django_db


@dataclass
class Read:
    """What was read from a file."""

    product: str
    # Name, language and countries, by the part of the address before the @.
    added: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    # Status by the part of the address before the @.
    refused: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    # Columns that are not imported, with a cell.
    unused: dict[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def read(file: str | bytes, file_name: str = "people.csv", **options: object) -> Read:
    """Every row below the headings, and what is asked."""
    stream = io.BytesIO(file.encode() if isinstance(file, str) else file)
    with table_file.open_table(stream, {"file_name": file_name, **options}) as table:
        validate, survey = row_validator(table.columns), Survey(table.columns)
        found = Read(table.columns.format.product if table.columns.format else "")
        email = table.columns.fields.index("email")
        for line, cells in survey.watch(table.rows):
            row = validate(line, cells)
            if isinstance(row, ValidRow):
                found.added[row.email.partition("@")[0]] = (row.name, row.language, row.countries)
            else:
                assert isinstance(row, InvalidRow)
                found.refused[cells[email].partition("@")[0]] = row.status or row.reason
        found.questions = survey.questions(table.late_keys)
        found.unused = {one.heading: one.sample for one in survey.unused(table.late_keys)}
        found.unread = table.unread
        return found


def pack(files: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


_MC = (
    '"Email Address","First Name","Last Name",Address,"Phone Number",COUNTRY_INTEREST,'
    "MEMBER_RATING,OPTIN_TIME,"
    "OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,"
    "{}LAST_CHANGED,LEID,EUID,"
    "NOTES,TAGS\n"
)


def _mailchimp_row(address: str, name: str, countries: str = "", left: str = "") -> str:
    return (
        f'{address},{name},Kim,"1 Abay Ave  Almaty 050000 KZ",,"{countries}",2,,,"2021-03-04 '
        '10:00:00",192.0.2.1,,,6,6,'
        f'Asia/Almaty,DE,BE,{left}"2021-03-04 10:00:00",101,a1b2,,"""press"""\n'
    )


MAILCHIMP = {
    "subscribed_email_audience_export_5f2c.csv": _MC.format("")
    + _mailchimp_row("olga@example.org", "Olga", "Казахстан, Узбекистан"),
    "unsubscribed_email_audience_export_5f2c.csv": _MC.format(
        "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,"
    )
    + _mailchimp_row("left@example.org", "Lev", left='"2022-01-02 03:04:05","May issue",7f,,,')
    # Unsubscribed by an admin: only the file's name says it.
    + _mailchimp_row("byadmin@example.org", "Ann", left=",,,,,"),
    "cleaned_email_audience_export_5f2c.csv": _MC.format("CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,")
    + _mailchimp_row("gone@example.org", "Gulnara", left='"2022-01-02 03:04:05",,,'),
    "nonsubscribed_email_audience_export_5f2c.csv": _MC.format("")
    + _mailchimp_row("buyer@example.org", "Boris"),
}

# Product, name of the file, its content, who is added, and who is not.
EXPORTS: list[tuple[str, str, str | bytes, dict[str, tuple[str, str, str]], dict[str, str]]] = [
    (
        "Mailchimp",
        "audience_export_5f2c.zip",
        pack(MAILCHIMP),
        {"olga": ("Olga Kim", "", "KZ,UZ")},
        {"left": "unsubscribed", "byadmin": "unsubscribed", "gone": "bounced", "buyer": "not_subscribed"},
    ),
    (
        "listmonk",
        "subscribers.csv",
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'a1,olga@example.org,Olga Kim,"{""countries"": [""KZ"", ""Uzbekistan""], ""lang"": ""ru"", '
        '""city"": ""Almaty""}",'
        "enabled,2021-01-01 10:00:00 +0000 UTC,2021-01-01 10:00:00 +0000 UTC\n"
        "a2,plain@example.org,Plain,{},enabled,2021-01-01,2021-01-01\n"
        "a3,off@example.org,Off,{},disabled,2021-01-01,2021-01-01\n"
        'a4,gone@example.org,Gone,"{""city"": ""Osh""}",blocklisted,2021-01-01,2021-01-01\n',
        {"olga": ("Olga Kim", "ru", "KZ,UZ"), "plain": ("Plain", "", "")},
        {"off": "blocked", "gone": "blocked"},
    ),
    (
        "Mailman 2",
        "members.txt",
        'olga@example.org\nOlga Kim <olga2@example.org>\n"Ким, Ольга" <olga3@example.org>\n',
        {"olga": ("", "", ""), "olga2": ("Olga Kim", "", ""), "olga3": ("Ким, Ольга", "", "")},
        {},
    ),
    (
        "Mailman 3",
        "members.csv",
        "email,display_name,role,delivery_mode,delivery_status,moderation_action\n"
        "olga@example.org,Olga Kim,member,regular,enabled,\n"
        "away@example.org,Away,member,regular,by_user,\n"
        "dead@example.org,Dead,member,regular,by_bounces,defer\n"
        "bad@example.org,Bad,member,mime_digests,by_moderator,discard\n",
        {"olga": ("Olga Kim", "", "")},
        {"away": "not_subscribed", "dead": "bounced", "bad": "blocked"},
    ),
    (
        "Brevo",
        "contacts.csv",
        "﻿CONTACT ID;EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLIST;SMS_BLACKLIST;DOUBLE_OPT-IN;"
        "COUNTRIES;ADDED_TIME;"
        "MODIFIED_TIME\n"
        "1;olga@example.org;Kim;Olga;77010000000;No;Yes;1;Kazakhstan|KG;01-03-2021;01-03-2021\n"
        "2;byhand@example.org;;;;false;false;;;01-03-2021;01-03-2021\n"
        "3;gone@example.org;;Gone;;Yes;No;1;;01-03-2021;01-03-2021\n"
        "4;waits@example.org;;;;0;0;2;;01-03-2021;01-03-2021\n",
        {"olga": ("Olga Kim", "", "KG,KZ"), "byhand": ("", "", "")},
        {"gone": "blocked", "waits": "unconfirmed"},
    ),
    (
        "Outlook",
        "contacts.CSV",
        (
            '"Title","First Name","Middle Name","Last Name","Company","Business Country/Region",'
            '"Home Country/Region",'
            '"E-mail Address","E-mail Type","E-mail Display Name","E-mail 2 Address","Categories",'
            '"Language","Location",'
            '"Notes","Priority","Private","Sensitivity"\r\n'
            '"","Ольга","","Ким","Отделение","Germany","Kazakhstan","olga@example.org","SMTP",'
            '"Ким Ольга (olga@example.org)","","","Russian","Kazakhstan","first line\r\nsecond",'
            '"Normal","False","Normal"\r\n'
        ).encode("cp1251"),
        {"olga": ("Ольга Ким", "ru", "")},
        {},
    ),
    (
        "Ghost",
        "members.csv",
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,"
        "deleted_at,labels,tiers\n"
        "6a,olga@example.org,Olga Kim,,true,false,,2021-03-04T10:00:00.000Z,,press,\n"
        "6b,off@example.org,Off,,false,false,,2021-03-04T10:00:00.000Z,,,\n"
        "6c,gone@example.org,Gone,,true,true,cus_1,2021-03-04T10:00:00.000Z,2022-01-01T00:00:00.000Z,,Gold\n",
        {"olga": ("Olga Kim", "", "")},
        {"off": "unsubscribed", "gone": "unsubscribed"},
    ),
    (
        "Substack",
        "export.zip",
        pack(
            {
                "posts.csv": "post_id,post_date,is_published,title\n1.first,2021-03-04,true,First\n",
                "posts/1.first.html": "<p>unsubscribe</p>",
                "posts/1.first.delivers.csv": "post_id,timestamp,email,post_type\n1,2021,"
                "stranger@example.org,newsletter\n",
                "email_list.silkroad.csv": "email,active_subscription,expiry,plan,email_disabled,created_at,"
                "first_payment_at\n"
                "olga@example.org,false,,other,false,2021-03-04T10:00:00.000Z,\n"
                "paid@example.org,true,2027-03-04T10:00:00.000Z,yearly,false,"
                "2021-03-04T10:00:00.000Z,2021-03-05\n"
                "off@example.org,false,,other,true,2021-03-04T10:00:00.000Z,\n",
            }
        ),
        {"olga": ("", "", ""), "paid": ("", "", "")},
        {"off": "blocked"},
    ),
    (
        "Buttondown",
        "subscribers.csv",
        "id,email_address,creation_date,type,notes,metadata,tags,source,unsubscription_date,"
        "undeliverability_date,"
        "undeliverability_reason,churn_date,upgrade_date\n"
        '1,olga@example.org,2021-03-04,regular,,"{""country_interest"": ""KZ / UZ"", ""language"": '
        '""ru""}",press,form,,,,,\n'
        "2,paid@example.org,2021-03-04,premium,,{},,form,,,,,2022-01-01\n"
        "3,left@example.org,2021-03-04,unsubscribed,,{},,form,2022-01-01,,,,\n"
        "4,dead@example.org,2021-03-04,undeliverable,,{},,form,,2022-01-01,hard_bounce,,\n"
        "5,waits@example.org,2021-03-04,unactivated,,{},,form,,,,,\n"
        "6,angry@example.org,2021-03-04,complained,,{},,form,,,,,\n",
        {"olga": ("", "ru", "KZ,UZ"), "paid": ("", "", "")},
        {"left": "unsubscribed", "dead": "bounced", "waits": "unconfirmed", "angry": "complained"},
    ),
    (
        "Keila",
        "contacts.csv",
        "Email,First name,Last name,Data,Status,External ID\n"
        'olga@example.org,Olga,Kim,"{""countries"": [""KZ""], ""locale"": ""kk"", ""age"": 41}",active,\n'
        "left@example.org,Lev,,{},unsubscribed,\n"
        "dead@example.org,Dina,,,unreachable,17\n",
        {"olga": ("Olga Kim", "kk", "KZ")},
        {"left": "unsubscribed", "dead": "bounced"},
    ),
    (
        "MailerLite",
        "subscribers.csv",
        "Subscriber,Sent,Opens,Clicks,Subscribed,Location,Name,Last name,Status\n"
        'olga@example.org,12,5,1,2021-03-04 10:00:00,"Almaty, Kazakhstan",Olga,Kim,active\n'
        "new@example.org,0,0,0,,,,,active\n"
        "left@example.org,12,0,0,2021-03-04 10:00:00,Kazakhstan,Lev,,unsubscribed\n"
        "waits@example.org,0,0,0,2021-03-04 10:00:00,Kazakhstan,,,unconfirmed\n"
        "angry@example.org,2,0,0,2021-03-04 10:00:00,Kazakhstan,,,junk\n"
        "dead@example.org,2,0,0,2021-03-04 10:00:00,Kazakhstan,,,bounced\n",
        {"olga": ("Olga Kim", "", ""), "new": ("", "", "")},
        {"left": "unsubscribed", "waits": "unconfirmed", "angry": "complained", "dead": "bounced"},
    ),
    (
        "Constant Contact",
        "contact_export_1101.csv",
        "Email address,First name,Last name,Country - Home,Email status,Email permission status,"
        "Email update source,"
        "Confirmed Opt-Out Date,Email Lists,Tags,Created At\n"
        "olga@example.org,Olga,Kim,Germany,Active,Express,Contact,,Monthly,press,2021-11-15 19:42:23 +0000\n"
        "implied@example.org,Ivan,,,Active,Implied,Owner,,Monthly,,2021-11-15 19:42:23 +0000\n"
        "left@example.org,Lev,,,Unsubscribed,Express,Contact,2022-01-02,,,2021-11-15 19:42:23 +0000\n"
        "waits@example.org,,,,Awaiting Confirmation,Implied,Owner,,,,2021-11-15 19:42:23 +0000\n"
        "guest@example.org,,,,No Permissions Set,Not Set,Owner,,,,2021-11-15 19:42:23 +0000\n"
        "event@example.org,,,,,,Owner,,,,2021-11-15 19:42:23 +0000\n",
        {"olga": ("Olga Kim", "", ""), "implied": ("Ivan", "", "")},
        {
            "left": "unsubscribed",
            "waits": "unconfirmed",
            "guest": "not_subscribed",
            "event": "not_subscribed",
        },
    ),
    (
        "Campaign Monitor",
        "list.csv",
        "Email Address,Name,Date Joined,State,Consent to Track,Countries of interest,Country\n"
        'olga@example.org,Olga Kim,2021-03-04,Active,No,"Kazakhstan;Tajikistan",Germany\n'
        "left@example.org,Lev,2021-03-04,Unsubscribed,Unchanged,,\n"
        "dead@example.org,Dina,2021-03-04,Bounced,Yes,,\n"
        "waits@example.org,,2021-03-04,Unconfirmed,Yes,,\n"
        "gone@example.org,,2021-03-04,Deleted,Yes,,\n",
        {"olga": ("Olga Kim", "", "KZ,TJ")},
        {"left": "unsubscribed", "dead": "bounced", "waits": "unconfirmed", "gone": "unsubscribed"},
    ),
    (
        "SendGrid",
        "all_contacts.csv",
        "EMAIL,FIRST_NAME,LAST_NAME,ADDRESS_LINE_1,ADDRESS_LINE_2,CITY,STATE_PROVINCE_REGION,"
        "POSTAL_CODE,COUNTRY,"
        "ALTERNATE_EMAILS,PHONE_NUMBER,WHATSAPP,LINE,FACEBOOK,UNIQUE_NAME,CREATED_AT,UPDATED_AT,"
        "CONTACT_ID,language\n"
        "olga@example.org,Olga,Kim,1 Abay Ave,,Almaty,,050000,Kazakhstan,,,,,,,"
        "2021-03-04T10:00:00Z,2021-03-04T10:00:00Z,"
        "c-1,Русский\n",
        {"olga": ("Olga Kim", "ru", "")},
        {},
    ),
    (
        "Zoho Campaigns",
        "contacts.csv",
        "Contact Email,First Name,Last Name,Country,State,Contact Status,Subscription Type,Added Time\n"
        'olga@example.org,Olga,Kim,Kazakhstan,Almaty,Active,Marketing,"Mar 04, 2021 10:00 AM"\n'
        'left@example.org,Lev,,Kazakhstan,,Unsubscribed,Unsubscribed,"Mar 04, 2021 10:00 AM"\n'
        'dead@example.org,Dina,,,,Bounced,Marketing,"Mar 04, 2021 10:00 AM"\n'
        'never@example.org,,,,,Do-not-mail,Marketing,"Mar 04, 2021 10:00 AM"\n'
        'angry@example.org,,,,,Spam,Marketing,"Mar 04, 2021 10:00 AM"\n'
        'other@example.org,,,,,Active,Non-marketing,"Mar 04, 2021 10:00 AM"\n',
        {"olga": ("Olga Kim", "", "")},
        {
            "left": "unsubscribed",
            "dead": "bounced",
            "never": "unsubscribed",
            "angry": "complained",
            "other": "not_subscribed",
        },
    ),
    (
        "Unisender",
        "export.csv",
        "email;Имя;email_status;email_availability;email_add_time;email_confirm_time;email_list_ids;"
        "email_subscribe_times;email_unsubscribed_list_ids;email_excluded_list_ids;tags;phone;phone_status\n"
        "olga@example.org;Ольга Ким;active;available;2021-03-04 10:00:00;2021-03-04 10:00:00;17;"
        "2021-03-04 10:00:00;;;"
        "пресса;;\n"
        "full@example.org;;active;mailbox_full;2021-03-04 10:00:00;;17;2021-03-04 10:00:00;;;;;blocked\n"
        "left@example.org;;unsubscribed;available;2021-03-04 10:00:00;;;;;;;;\n"
        "dead@example.org;;active;unreachable;2021-03-04 10:00:00;;17;;;;;;\n"
        "bad@example.org;;blocked;available;2021-03-04 10:00:00;;17;;;;;;\n"
        "new@example.org;;new;available;2021-03-04 10:00:00;;17;;;;;;\n"
        "asked@example.org;;invited;available;2021-03-04 10:00:00;;17;;;;;;\n"
        "off@example.org;;inactive;available;2021-03-04 10:00:00;;17;;;;;;\n",
        {"olga": ("Ольга Ким", "", ""), "full": ("", "", "")},
        {
            "left": "unsubscribed",
            "dead": "bounced",
            "bad": "blocked",
            "new": "unconfirmed",
            "asked": "unconfirmed",
            "off": "not_subscribed",
        },
    ),
    (
        "Sendsay",
        "members.csv",
        "member.email;member.create.time;member.haslock;member.lockremove;member.lockconfirm;"
        "member.error;base.firstName;"
        "base.lastName\n"
        "olga@example.org;2021-03-04;0;0;0;0;Ольга;Ким\n"
        "left@example.org;2021-03-04;1;1;0;0;Лев;\n"
        "waits@example.org;2021-03-04;0;0;1;0;;\n"
        "bad@example.org;2021-03-04;1;0;0;0;;\n",
        {"olga": ("Ольга Ким", "", "")},
        {"left": "unsubscribed", "waits": "unconfirmed", "bad": "unsubscribed"},
    ),
    (
        "Google Contacts",
        "contacts.csv",
        "First Name,Middle Name,Last Name,Phonetic First Name,Nickname,File As,Organization Name,"
        "Birthday,Notes,Photo,"
        "Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Address 1 - Country\n"
        "Olga,,Kim,,,,Office,,,,* myContacts ::: Press,Work,olga@example.org,Home,"
        "olga.home@example.org,Germany\n"
        "Two,,Kim,,,,,,,,* myContacts,* ,two@example.org ::: second@example.org,,,\n",
        {"olga": ("Olga Kim", "", ""), "two": ("Two Kim", "", "")},
        {},
    ),
]


@pytest.mark.parametrize(
    ("product", "name", "file", "added", "refused"),
    EXPORTS,
    ids=lambda one: one if isinstance(one, str) and len(one) < 20 else "",
)
def test_an_export_adds_who_wants_mail_and_nobody_else(
    product: str,
    name: str,
    file: str | bytes,
    added: dict[str, tuple[str, str, str]],
    refused: dict[str, str],
) -> None:
    found = read(file, name)
    assert (found.added, found.refused, found.questions) == (added, refused, [])
    assert found.product == ("" if product == MEMBER_LIST else product)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("стоп-лист.csv", "blocked"),
        ("Stoplist 2024.csv", "blocked"),
        ("suppression_invalid_emails.csv", "bounced"),
        ("suppressions.csv", "blocked"),
        ("Недействительные адреса.csv", "bounced"),
        ("Возвраты.csv", "bounced"),
        ("не рассылать!.csv", "unsubscribed"),
        ("больше не писать.csv", "unsubscribed"),
        ("DNC list.csv", "unsubscribed"),
        ("Исключения из рассылки.csv", "blocked"),
        ("bad emails.csv", "blocked"),
        ("failed.csv", "bounced"),
        ("blocks.csv", "blocked"),
        ("nomail.csv", "unsubscribed"),
    ],
)
def test_a_file_whose_name_says_that_people_left_is_asked_about(name: str, status: str) -> None:
    found = read("email\nleft@example.org\n", name)
    assert (found.added, found.refused) == ({}, {"left": status})
    assert [(one.about, one.proposed) for one in found.questions] == [("column", "status")]
    # As the name of a file in an archive.
    found = read(
        pack({"people.csv": "email\nolga@example.org\n", name: "email\nleft@example.org\n"}), "a.zip"
    )
    assert (list(found.added), found.refused) == (["olga"], {"left": status})


@pytest.mark.parametrize(
    "name",
    ["people.csv", "Подписчики 2024.csv", "import-5-rejected.csv", "guests_invited.csv", "archive.csv"],
)
def test_a_file_with_another_name_is_not_asked_about(name: str) -> None:
    assert not read("email\nolga@example.org\n", name).questions


@pytest.mark.parametrize("folder", ["Отписавшиеся", "2024/unsubscribed/export", "bounces"])
def test_a_folder_of_an_archive_speaks_for_files_whose_name_says_nothing(folder: str) -> None:
    files = {
        "active/list.csv": "email\nolga@example.org\n",
        f"{folder}/list.csv": "email\nleft@example.org\n",
    }
    found = read(pack(files), "a.zip")
    assert list(found.added) == ["olga"] and list(found.refused) == ["left"] and found.questions
    sure = f"{folder}/subscribed_members_export_1.csv"
    assert list(read(pack({sure: "email\nolga@example.org\n"}), "a.zip").added) == ["olga"]


def test_every_product_is_tested_and_documented() -> None:
    ours = {one.product for one in FORMATS if not one.product.startswith("this system")} | {MEMBER_LIST}
    assert ours == {product for product, *_ in EXPORTS}
    guide = Path("docs/migrating.md").read_text(encoding="utf-8")
    assert all(f"## {product}" in guide for product in ours)
