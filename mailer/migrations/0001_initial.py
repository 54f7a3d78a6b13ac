import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import mailer.editions.models
import modelcluster.fields
import modelsearch.index
import subscribers.code_list_field
import wagtail.fields
import wagtail.models.preview
from django.conf import settings
from django.db import migrations, models

from mailer.migrations import _triggers


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('subscribers', '0001_initial'),
        ('wagtailcore', '0098_apitoken'),
        ('wagtailimages', '0027_image_description'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='InboundSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=255, unique=True)),
                ('position', models.CharField(blank=True, max_length=60)),
                ('last_read_at', models.DateTimeField(null=True)),
                ('failed_messages', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('next_poll_at', models.DateTimeField(null=True)),
                ('notified_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['url'],
            },
        ),
        migrations.CreateModel(
            name='Mailing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('planning', 'being planned'), ('held', 'waiting for confirmation'), ('sending', 'sending'), ('paused', 'paused'), ('done', 'sent'), ('cancelled', 'cancelled')], default='planning', max_length=12)),
                ('audience', models.PositiveIntegerField(null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('planned_at', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('released_up_to', models.BigIntegerField(null=True)),
                ('step', models.PositiveSmallIntegerField(null=True)),
                ('step_completed_at', models.DateTimeField(null=True)),
                ('counted_from', models.DateTimeField(null=True)),
                ('dry_run_to', models.CharField(blank=True, default='', max_length=320)),
                ('dry_run_limit', models.PositiveIntegerField(null=True)),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='PasswordResetRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('login', models.CharField(max_length=254)),
                ('network', models.CharField(blank=True, max_length=50)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='SignInFailures',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120, unique=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_failed_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('locked_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='StaffNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=60, unique=True)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='StorySource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True)),
                ('url', models.URLField(max_length=500, verbose_name='feed address (RSS or Atom)')),
                ('language', models.CharField(default='en', max_length=12)),
                ('countries', subscribers.code_list_field.OrderedCountriesField(blank=True, default='', max_length=800)),
                ('active', models.BooleanField(default=True)),
                ('gathered_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('problem', models.CharField(blank=True, editable=False, max_length=400)),
            ],
            options={
                'ordering': ['name'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ThrottleState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120, unique=True)),
                ('data', models.JSONField(default=dict)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookHeartbeat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service', models.CharField(max_length=16, unique=True)),
                ('last_received_at', models.DateTimeField()),
                ('payload_count', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookPayload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service', models.CharField(max_length=16)),
                ('body', models.BinaryField()),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='AccountState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('must_change_password', models.BooleanField(default=False)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='account_state', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DomainOutage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=255)),
                ('state', models.CharField(choices=[('watched', 'watched'), ('open', 'waiting for a decision'), ('confirmed', 'the addresses were suppressed'), ('dismissed', 'the addresses were kept'), ('over', 'ended automatically')], default='watched', max_length=10)),
                ('bounced', models.PositiveIntegerField(default=1)),
                ('mailable', models.PositiveIntegerField(null=True)),
                ('started_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'ordering': ['-started_at', '-pk'],
                'indexes': [models.Index(fields=['domain', 'started_at'], name='outage_by_domain')],
            },
        ),
        migrations.CreateModel(
            name='Edition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('live', models.BooleanField(default=True, editable=False, verbose_name='live')),
                ('has_unpublished_changes', models.BooleanField(default=False, editable=False, verbose_name='has unpublished changes')),
                ('first_published_at', models.DateTimeField(blank=True, db_index=True, null=True, verbose_name='first published at')),
                ('last_published_at', models.DateTimeField(editable=False, null=True, verbose_name='last published at')),
                ('go_live_at', models.DateTimeField(blank=True, null=True, verbose_name='go live date/time')),
                ('expire_at', models.DateTimeField(blank=True, null=True, verbose_name='expiry date/time')),
                ('expired', models.BooleanField(default=False, editable=False, verbose_name='expired')),
                ('slug', models.SlugField(editable=False, max_length=80, unique=True)),
                ('period', models.CharField(max_length=7, validators=[django.core.validators.RegexValidator('^\\d{4}-(0[1-9]|1[0-2])$', 'Write year and month: 2021-12.')])),
                ('number', models.PositiveIntegerField(default=1, verbose_name='number of the edition')),
                ('body', wagtail.fields.StreamField([('lead', 0), ('story', 1), ('heading', 7), ('date', 8), ('titles', 10), ('text', 15), ('social', 16)], blank=True, block_lookup={0: ('wagtail.snippets.blocks.SnippetChooserBlock', ('mailer.Story',), {'icon': 'pick', 'label': 'Lead story'}), 1: ('wagtail.snippets.blocks.SnippetChooserBlock', ('mailer.Story',), {'icon': 'doc-full-inverse', 'label': 'Story'}), 2: ('wagtail.blocks.ChoiceBlock', [], {'choices': mailer.editions.models.country_choices, 'help_text': "The country's name, in each reader's language…", 'required': False}), 3: ('wagtail.blocks.ChoiceBlock', [], {'choices': mailer.editions.models.language_choices}), 4: ('wagtail.blocks.CharBlock', (), {'max_length': 120}), 5: ('wagtail.blocks.StructBlock', [[('language', 3), ('text', 4)]], {}), 6: ('wagtail.blocks.ListBlock', (5,), {'default': [], 'label': '…or your own text, per language', 'min_num': 0}), 7: ('wagtail.blocks.StructBlock', [[('country', 2), ('texts', 6)]], {'label': 'Heading'}), 8: ('wagtail.snippets.blocks.SnippetChooserBlock', ('mailer.Story',), {'icon': 'date', 'label': 'Save the date'}), 9: ('wagtail.snippets.blocks.SnippetChooserBlock', ('mailer.Story',), {'label': 'Publication'}), 10: ('wagtail.blocks.ListBlock', (9,), {'icon': 'list-ul', 'label': 'Titles'}), 11: ('wagtail.blocks.MultipleChoiceBlock', [], {'choices': mailer.editions.models.country_choices, 'help_text': 'None: for every reader.', 'required': False}), 12: ('wagtail.blocks.RichTextBlock', (), {'features': ['bold', 'italic', 'link', 'ol', 'ul']}), 13: ('wagtail.blocks.StructBlock', [[('language', 3), ('text', 12)]], {}), 14: ('wagtail.blocks.ListBlock', (13,), {'label': 'Text, per language'}), 15: ('wagtail.blocks.StructBlock', [[('countries', 11), ('texts', 14)]], {'label': 'Text'}), 16: ('wagtail.snippets.blocks.SnippetChooserBlock', ('mailer.Story',), {'icon': 'group', 'label': 'Social call'})})),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('excluded', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscribers.segment', verbose_name='no subscribers in the segment')),
                ('latest_revision', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='wagtailcore.revision', verbose_name='latest revision')),
                ('live_revision', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='wagtailcore.revision', verbose_name='live revision')),
                ('segment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscribers.segment', verbose_name='only subscribers in the segment')),
            ],
            options={
                'ordering': ['-period', 'newsletter'],
                'permissions': [('submit_edition', 'Can submit an edition for approval'), ('approve_edition', 'Can approve an edition that others wrote'), ('schedule_edition', 'Can schedule, pause and cancel an approved edition')],
            },
            bases=(wagtail.models.preview.PreviewableMixin, models.Model),
        ),
        migrations.CreateModel(
            name='MailingStats',
            fields=[
                ('mailing', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='cached_stats', serialize=False, to='mailer.mailing')),
                ('stats', models.JSONField()),
                ('totals', models.JSONField()),
                ('unsubscribes', models.PositiveIntegerField()),
                ('event_count', models.PositiveIntegerField()),
                ('collected_at', models.DateTimeField()),
                ('collect_seconds', models.FloatField()),
            ],
        ),
        migrations.AddField(
            model_name='mailing',
            name='edition',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mailings', to='mailer.edition'),
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', models.BigIntegerField()),
                ('state', models.CharField(choices=[('planned', 'planned'), ('claimed', 'being sent'), ('accepted', 'accepted'), ('deferred', 'deferred'), ('refused', 'refused'), ('in_doubt', 'in doubt'), ('excluded', 'excluded')], default='planned', max_length=10)),
                ('countries', models.CharField(blank=True, max_length=800)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('claimed_by', models.CharField(blank=True, max_length=64)),
                ('lease_until', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('doubts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(null=True)),
                ('reply', models.CharField(blank=True, max_length=500)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('bounced_at', models.DateTimeField(null=True)),
                ('complained_at', models.DateTimeField(null=True)),
                ('refusal_processed_at', models.DateTimeField(null=True)),
                ('mailing', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='mailer.mailing')),
            ],
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(max_length=64)),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('lease_until', models.DateTimeField()),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claims', to='mailer.mailing')),
            ],
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=80, unique=True)),
                ('kind', models.CharField(max_length=60)),
                ('message', models.CharField(max_length=500)),
                ('sending_stopped', models.BooleanField(default=True)),
                ('path', models.CharField(blank=True, max_length=200)),
                ('raised_at', models.DateTimeField()),
                ('webhook_due_at', models.DateTimeField(null=True)),
                ('webhook_attempts', models.PositiveSmallIntegerField(default=0)),
                ('mailing', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='mailer.mailing')),
            ],
            options={
                'ordering': ['-raised_at'],
            },
        ),
        migrations.CreateModel(
            name='Newsletter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('name', models.CharField(max_length=120)),
                ('office', models.CharField(max_length=160)),
                ('postal_address', models.CharField(max_length=240)),
                ('sender_name', models.CharField(max_length=120)),
                ('sender_email', models.EmailField(max_length=254)),
                ('reply_to', models.EmailField(blank=True, max_length=254)),
                ('countries', subscribers.code_list_field.CountriesField(blank=True, default='', max_length=800)),
                ('languages', subscribers.code_list_field.LanguagesField(blank=True, default='', max_length=800)),
                ('fallbacks', subscribers.code_list_field.LanguagesField(blank=True, default='en', help_text="Where a text is missing in the reader's language, the first of these that has it is used.", max_length=800)),
                ('zone', models.CharField(default='UTC', max_length=64, verbose_name='time zone')),
                ('assemble_day', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(28)])),
                ('assemble_hour', models.PositiveSmallIntegerField(default=9, validators=[django.core.validators.MaxValueValidator(23)])),
                ('window_days', models.PositiveSmallIntegerField(default=7, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)])),
                ('theme', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('lists', models.ManyToManyField(related_name='+', to='subscribers.mailinglist')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='edition',
            name='newsletter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='editions', to='mailer.newsletter'),
        ),
        migrations.CreateModel(
            name='NewsletterText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=12)),
                ('tagline', models.CharField(max_length=160)),
                ('newsletter', modelcluster.fields.ParentalKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='mailer.newsletter')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='OutboxMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sender', models.CharField(max_length=320)),
                ('recipient', models.CharField(max_length=320)),
                ('message', models.BinaryField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent'), ('refused', 'refused')], default='waiting', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sent_at', models.DateTimeField(null=True)),
                ('reply', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='outbox_waiting')],
            },
        ),
        migrations.CreateModel(
            name='ProviderHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=255)),
                ('since', models.DateTimeField()),
                ('attempted', models.PositiveIntegerField(default=0)),
                ('accepted', models.PositiveIntegerField(default=0)),
                ('bounced', models.PositiveIntegerField(default=0)),
                ('blocked', models.PositiveIntegerField(default=0)),
                ('complained', models.PositiveIntegerField(default=0)),
                ('mailing', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='hours', to='mailer.mailing')),
            ],
        ),
        migrations.CreateModel(
            name='ReturnedMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('kind', models.CharField(choices=[('bounce', 'bounce'), ('delay', 'delayed'), ('complaint', 'complaint'), ('auto_reply', 'automatic reply'), ('unsubscribe', 'unsubscribe request'), ('receipt', 'receipt'), ('other', 'unclassified')], max_length=12)),
                ('raw', models.BinaryField()),
                ('service', models.CharField(blank=True, default='', max_length=16)),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sender', models.CharField(blank=True, max_length=200)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('triaged_at', models.DateTimeField(null=True)),
                ('triaged_by', models.CharField(blank=True, max_length=150)),
                ('triage_result', models.CharField(blank=True, choices=[('nothing', 'no action'), ('bounce', 'the address does not exist'), ('complaint', 'complaint'), ('unsubscribe', 'unsubscribe request')], max_length=12)),
                ('subscriber', models.BigIntegerField(null=True)),
            ],
            options={
                'ordering': ['-received_at', '-pk'],
                'indexes': [models.Index(fields=['-received_at'], name='returned_latest'), models.Index(fields=['kind', '-received_at'], name='returned_by_kind'), models.Index(condition=models.Q(('kind', 'other'), ('triaged_at__isnull', True)), fields=['-received_at'], name='returned_unclassified'), models.Index(condition=models.Q(('triaged_at__isnull', False)), fields=['-received_at'], name='returned_triaged')],
            },
        ),
        migrations.CreateModel(
            name='FeedbackEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('bounce', 'bounce'), ('complaint', 'complaint'), ('unsubscribe', 'unsubscribe')], max_length=12)),
                ('bounce_class', models.CharField(blank=True, choices=[('hard', 'hard'), ('soft', 'soft'), ('block', 'block'), ('unknown', 'unknown'), ('', 'none')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('status', models.CharField(blank=True, max_length=12)),
                ('diagnostic', models.TextField(blank=True)),
                ('rule', models.CharField(blank=True, max_length=120)),
                ('identity', models.CharField(blank=True, max_length=20)),
                ('provider', models.CharField(blank=True, max_length=255)),
                ('subscriber', models.BigIntegerField(null=True)),
                ('address_hash', models.BinaryField(max_length=16, null=True)),
                ('newsletter', models.BigIntegerField(null=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('counted_at', models.DateTimeField(null=True)),
                ('source_key', models.CharField(blank=True, max_length=128, null=True, unique=True)),
                ('delivery', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='mailer.delivery')),
                ('mailing', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='mailer.mailing')),
                ('message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='mailer.returnedmessage')),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Snapshot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('content', models.TextField()),
                ('manifest', models.TextField()),
                ('audience', models.JSONField()),
                ('audience_count', models.PositiveIntegerField()),
                ('findings', models.JSONField(default=list)),
                ('window_from', models.DateTimeField()),
                ('window_until', models.DateTimeField()),
                ('submitted_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('submitted', 'waiting for approval'), ('approved', 'approved'), ('scheduled', 'scheduled'), ('invalidated', 'invalidated by a later change'), ('withdrawn', 'withdrawn')], default='submitted', max_length=12)),
                ('send_at', models.DateTimeField(blank=True, null=True)),
                ('local_hour', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('invalidated_reason', models.CharField(blank=True, max_length=300)),
                ('edition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='snapshots', to='mailer.edition')),
                ('scheduled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('submitted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-submitted_at', '-pk'],
            },
        ),
        migrations.AddField(
            model_name='mailing',
            name='snapshot',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mailings', to='mailer.snapshot'),
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('by_command', models.BooleanField(default=False)),
                ('approver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('snapshot', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='approval', to='mailer.snapshot')),
            ],
        ),
        migrations.CreateModel(
            name='SnapshotAuthor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=300)),
                ('snapshot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='authors', to='mailer.snapshot')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SnapshotVariant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=16)),
                ('language', models.CharField(max_length=12)),
                ('stories', models.TextField(blank=True)),
                ('subject', models.CharField(max_length=200)),
                ('preheader', models.CharField(blank=True, max_length=250)),
                ('html', models.TextField()),
                ('text', models.TextField()),
                ('sha256', models.CharField(max_length=64)),
                ('snapshot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='variants', to='mailer.snapshot')),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='variant',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mailer.snapshotvariant'),
        ),
        migrations.CreateModel(
            name='DailyEventCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('click', 'click'), ('open', 'open')], max_length=5)),
                ('link_number', models.PositiveSmallIntegerField()),
                ('day', models.DateField()),
                ('is_bot', models.BooleanField()),
                ('count', models.PositiveIntegerField(default=0)),
                ('variant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.snapshotvariant')),
            ],
        ),
        migrations.CreateModel(
            name='Story',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('live', models.BooleanField(default=True, editable=False, verbose_name='live')),
                ('has_unpublished_changes', models.BooleanField(default=False, editable=False, verbose_name='has unpublished changes')),
                ('first_published_at', models.DateTimeField(blank=True, db_index=True, null=True, verbose_name='first published at')),
                ('last_published_at', models.DateTimeField(editable=False, null=True, verbose_name='last published at')),
                ('go_live_at', models.DateTimeField(blank=True, null=True, verbose_name='go live date/time')),
                ('expire_at', models.DateTimeField(blank=True, null=True, verbose_name='expiry date/time')),
                ('expired', models.BooleanField(default=False, editable=False, verbose_name='expired')),
                ('key', models.SlugField(blank=True, max_length=120, unique=True)),
                ('kind', models.CharField(choices=[('news', 'News'), ('event', 'Event'), ('publication', 'Publication'), ('notice', 'Notice')], default='news', max_length=12)),
                ('date', models.DateField(default=django.utils.timezone.localdate, help_text='When it happened. For an event: the day it takes place.')),
                ('countries', subscribers.code_list_field.OrderedCountriesField(blank=True, default='', help_text='Readers of these countries get it; the first is where it happened. None: the whole region.', max_length=800)),
                ('link', models.URLField(blank=True, help_text='Where “read more” leads.', max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('latest_revision', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='wagtailcore.revision', verbose_name='latest revision')),
                ('live_revision', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='wagtailcore.revision', verbose_name='live revision')),
                ('picture', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wagtailimages.image')),
            ],
            options={
                'verbose_name_plural': 'stories',
                'ordering': ['-date', '-pk'],
            },
            bases=(modelsearch.index.Indexed, models.Model),
        ),
        migrations.CreateModel(
            name='Authorship',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(max_length=250)),
                ('fingerprint', models.CharField(max_length=80)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('segment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.segment')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('edition', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.edition')),
                ('newsletter', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.newsletter')),
                ('story', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.story')),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='StoryText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=12)),
                ('headline', models.CharField(max_length=200)),
                ('summary', models.TextField(help_text='One or two sentences, shown in the email.')),
                ('body', wagtail.fields.RichTextField(blank=True, help_text='Shown when the story leads an edition, and when it has no link to read on.')),
                ('link_label', models.CharField(blank=True, help_text="Describes the link's target, for example “How the project will work”.", max_length=80)),
                ('picture_alt', models.CharField(blank=True, help_text='Describes the picture for screen readers. Required with a picture.', max_length=250, verbose_name='picture description')),
                ('story', modelcluster.fields.ParentalKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='mailer.story')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='SuppressionDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', models.BigIntegerField()),
                ('address_hash', models.BinaryField(max_length=16)),
                ('domain', models.CharField(max_length=255)),
                ('state', models.CharField(choices=[('applied', 'suppressed'), ('held', 'held for review'), ('probing', 'waiting for a probe'), ('dismissed', 'dismissed'), ('reverted', 'reverted')], max_length=10)),
                ('rule', models.CharField(choices=[('hard_bounce', 'the address does not exist'), ('two_hard_bounces', 'bounces say that the address does not exist'), ('soft_bounces', 'repeated soft bounces'), ('complaint', 'marked as spam')], max_length=20)),
                ('reason', models.CharField(max_length=300)),
                ('had_deliveries', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('applied_at', models.DateTimeField(null=True)),
                ('unsubscribed_lists', models.JSONField(default=list)),
                ('probed_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('closed_by', models.CharField(blank=True, max_length=150)),
                ('events', models.ManyToManyField(related_name='decisions', to='mailer.feedbackevent')),
                ('outage', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='decisions', to='mailer.domainoutage')),
                ('probe', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailer.outboxmessage')),
                ('suppression', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='decisions', to='subscribers.suppression')),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='TrackingEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('click', 'click'), ('open', 'open')], max_length=5)),
                ('link_number', models.PositiveSmallIntegerField()),
                ('at', models.DateTimeField()),
                ('client_hash', models.CharField(max_length=16, null=True)),
                ('filter_reason', models.CharField(blank=True, choices=[('', "a person's"), ('head', 'HEAD request'), ('user_agent', 'user agent of a bot, or none'), ('prefetch', 'prefetched by a browser'), ('honeypot', 'followed the hidden link'), ('burst', 'followed several links in two seconds'), ('all_links', 'followed every link of the message'), ('flood', 'followed more links than a person can'), ('too_soon', 'within seconds of the delivery'), ('repeat', 'the same link again within a minute')], max_length=10)),
                ('finalized', models.BooleanField(default=False)),
                ('subscriber', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='subscribers.subscriber')),
                ('variant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.snapshotvariant')),
            ],
        ),
        migrations.CreateModel(
            name='VariantAudience',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recipients', models.PositiveIntegerField()),
                ('countries', models.CharField(blank=True, max_length=800)),
                ('link_count', models.PositiveSmallIntegerField(default=0)),
                ('variant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailer.snapshotvariant')),
            ],
        ),
        migrations.CreateModel(
            name='AccountChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('created', 'account'), ('username', 'username'), ('name', 'name'), ('email', 'email address'), ('password', 'password'), ('active', 'active'), ('superuser', 'superuser'), ('group', 'group'), ('permission', 'permission'), ('group_permission', 'permission of a group')], max_length=20)),
                ('before', models.TextField(blank=True)),
                ('after', models.TextField(blank=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('notified_at', models.DateTimeField(blank=True, null=True)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('notified_at', None)), fields=['id'], name='account_change_unnotified')],
            },
        ),
        migrations.CreateModel(
            name='EditionText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=12)),
                ('subject', models.CharField(help_text='Shown in the inbox; about 50 characters fit.', max_length=150)),
                ('preheader', models.CharField(blank=True, help_text='The preview text behind the subject in the inbox.', max_length=200)),
                ('edition', modelcluster.fields.ParentalKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='mailer.edition')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('edition', 'language'), name='edition_text_once')],
            },
        ),
        migrations.CreateModel(
            name='ListChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sender_name', models.CharField(blank=True, max_length=120)),
                ('sender_email', models.EmailField(blank=True, max_length=254)),
                ('welcome_texts', models.JSONField(blank=True, default=dict)),
                ('state', models.CharField(choices=[('proposed', 'waiting for approval'), ('approved', 'approved'), ('rejected', 'rejected'), ('replaced', 'replaced by a later proposal')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('mailing_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.mailinglist')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('mailing_list',), name='list_change_one_proposed')],
            },
        ),
        migrations.CreateModel(
            name='Intervention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(choices=[('warned', 'staff were warned'), ('slowed', 'slowed down'), ('paused', 'paused')], max_length=8)),
                ('metric', models.CharField(max_length=12)),
                ('provider', models.CharField(blank=True, max_length=255)),
                ('cases', models.PositiveIntegerField()),
                ('total', models.PositiveIntegerField()),
                ('limit', models.FloatField()),
                ('total_cases', models.PositiveIntegerField()),
                ('message', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('counted_from', models.DateTimeField()),
                ('mailing', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='interventions', to='mailer.mailing')),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('mailing', 'counted_from', 'provider', 'metric', 'action', 'total_cases'), name='intervention_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='edition',
            constraint=models.UniqueConstraint(fields=('newsletter', 'period'), name='edition_once_a_period'),
        ),
        migrations.AddConstraint(
            model_name='newslettertext',
            constraint=models.UniqueConstraint(fields=('newsletter', 'language'), name='newsletter_text_once'),
        ),
        migrations.AddIndex(
            model_name='providerhour',
            index=models.Index(fields=['since'], name='provider_hour_since'),
        ),
        migrations.AddConstraint(
            model_name='providerhour',
            constraint=models.UniqueConstraint(fields=('mailing', 'provider', 'since'), name='provider_hour_once'),
        ),
        migrations.AddIndex(
            model_name='feedbackevent',
            index=models.Index(fields=['subscriber', 'kind', 'at'], name='feedback_by_subscriber'),
        ),
        migrations.AddIndex(
            model_name='feedbackevent',
            index=models.Index(fields=['mailing', 'kind', 'bounce_class'], name='feedback_by_mailing'),
        ),
        migrations.AddIndex(
            model_name='feedbackevent',
            index=models.Index(fields=['newsletter', 'kind', 'at'], name='feedback_by_newsletter'),
        ),
        migrations.AddIndex(
            model_name='feedbackevent',
            index=models.Index(condition=models.Q(('counted_at__isnull', True)), fields=['id'], name='feedback_uncounted'),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['submitted', 'approved', 'scheduled'])), fields=('edition',), name='snapshot_one_open'),
        ),
        migrations.AddConstraint(
            model_name='mailing',
            constraint=models.UniqueConstraint(condition=models.Q(('dry_run_to', '')), fields=('snapshot',), name='mailing_one_real'),
        ),
        migrations.AddConstraint(
            model_name='snapshotauthor',
            constraint=models.UniqueConstraint(fields=('snapshot', 'user'), name='snapshot_author_once'),
        ),
        migrations.AddConstraint(
            model_name='snapshotvariant',
            constraint=models.UniqueConstraint(fields=('snapshot', 'key'), name='snapshot_variant_once'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'planned')), fields=['mailing', 'id'], name='delivery_planned'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'deferred')), fields=['mailing', 'due_at'], name='delivery_deferred'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'claimed')), fields=['lease_until'], name='delivery_claimed'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'in_doubt')), fields=['mailing', 'id'], name='delivery_in_doubt'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('refusal_processed_at__isnull', True), ('state', 'refused')), fields=['id'], name='delivery_unprocessed_refusal'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['subscriber', 'id'], name='delivery_by_subscriber'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'accepted'), _negated=True), fields=['mailing', 'state', 'reason'], name='delivery_not_accepted'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('bounced_at__isnull', False)), fields=['mailing', 'state'], name='delivery_bounced'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('complained_at__isnull', False)), fields=['mailing', 'state'], name='delivery_complained'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('mailing', 'subscriber'), name='delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='dailyeventcount',
            constraint=models.UniqueConstraint(fields=('variant', 'kind', 'link_number', 'day', 'is_bot'), name='daily_event_count_unique'),
        ),
        migrations.AddConstraint(
            model_name='authorship',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('edition__isnull', False), ('newsletter__isnull', True), ('segment__isnull', True), ('story__isnull', True)), models.Q(('edition__isnull', True), ('newsletter__isnull', True), ('segment__isnull', True), ('story__isnull', False)), models.Q(('edition__isnull', True), ('newsletter__isnull', False), ('segment__isnull', True), ('story__isnull', True)), models.Q(('edition__isnull', True), ('newsletter__isnull', True), ('segment__isnull', False), ('story__isnull', True)), _connector='OR'), name='authorship_one_subject'),
        ),
        migrations.AddConstraint(
            model_name='storytext',
            constraint=models.UniqueConstraint(fields=('story', 'language'), name='story_text_once'),
        ),
        migrations.AddIndex(
            model_name='suppressiondecision',
            index=models.Index(fields=['subscriber', 'created_at'], name='decision_by_subscriber'),
        ),
        migrations.AddIndex(
            model_name='suppressiondecision',
            index=models.Index(fields=['address_hash', 'state'], name='decision_by_address'),
        ),
        migrations.AddIndex(
            model_name='suppressiondecision',
            index=models.Index(fields=['domain', 'applied_at'], name='decision_by_domain'),
        ),
        migrations.AddIndex(
            model_name='suppressiondecision',
            index=models.Index(fields=['state', 'created_at'], name='decision_by_state'),
        ),
        migrations.AddConstraint(
            model_name='suppressiondecision',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['applied', 'held', 'probing'])), fields=('address_hash',), name='decision_one_open'),
        ),
        migrations.AddIndex(
            model_name='trackingevent',
            index=models.Index(condition=models.Q(('finalized', False)), fields=['at'], name='tracking_event_pending'),
        ),
        migrations.AddIndex(
            model_name='trackingevent',
            index=models.Index(fields=['at'], name='tracking_event_at'),
        ),
        migrations.AddIndex(
            model_name='trackingevent',
            index=models.Index(condition=models.Q(('client_hash__isnull', False)), fields=['client_hash', 'at'], name='tracking_event_client'),
        ),
        migrations.AddIndex(
            model_name='trackingevent',
            index=models.Index(condition=models.Q(('subscriber__isnull', False)), fields=['subscriber', 'at'], name='tracking_event_subscriber'),
        ),
        migrations.RunPython(_triggers.create_all, _triggers.drop_all),
    ]
