import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import subscribers.code_list_field
from django.db import migrations, models

from subscribers.migrations import _triggers


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='ConsentText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('language', models.CharField(max_length=12)),
                ('text', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='CustomField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True, verbose_name='name')),
                ('kind', models.CharField(choices=[('text', 'text'), ('number', 'number'), ('date', 'date'), ('choice', 'choice')], default='text', max_length=8, verbose_name='kind')),
                ('choices', models.TextField(blank=True, verbose_name='choices')),
            ],
            options={
                'verbose_name': 'custom field',
                'verbose_name_plural': 'custom fields',
                'ordering': ['name'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='KeyCanary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.BinaryField(max_length=16)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='MailingList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True, verbose_name='slug')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=400, verbose_name='description')),
                ('public', models.BooleanField(default=True, verbose_name='public')),
                ('opt_in', models.CharField(choices=[('double', 'double opt-in'), ('single', 'single opt-in')], default='double', max_length=8, verbose_name='opt-in')),
                ('sender_name', models.CharField(blank=True, max_length=120, validators=[django.core.validators.RegexValidator('^[^\\x00-\\x1f\\x7f]*$', 'This text must be a single line.')], verbose_name="sender's name")),
                ('sender_email', models.EmailField(blank=True, max_length=254, verbose_name="sender's address")),
                ('welcome_texts', models.JSONField(blank=True, default=dict, verbose_name='texts of the welcome email')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
            ],
            options={
                'verbose_name': 'mailing list',
                'verbose_name_plural': 'mailing lists',
                'ordering': ['name'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RuleCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64, unique=True)),
                ('matching', models.PositiveIntegerField()),
                ('reachable', models.PositiveIntegerField()),
                ('newest', models.JSONField()),
                ('counted_at', models.DateTimeField()),
                ('seconds', models.FloatField()),
            ],
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True, verbose_name='name')),
                ('rule', models.JSONField(verbose_name='rule')),
                ('version', models.PositiveIntegerField(default=1, verbose_name='version')),
                ('changed_by', models.CharField(blank=True, max_length=150, verbose_name='last changed by')),
                ('changed_at', models.DateTimeField(verbose_name='time of the last change')),
            ],
            options={
                'verbose_name': 'segment',
                'verbose_name_plural': 'segments',
                'ordering': ['name'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True, verbose_name='name')),
            ],
            options={
                'verbose_name': 'tag',
                'verbose_name_plural': 'tags',
                'ordering': ['name'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('worker', models.CharField(blank=True, max_length=36)),
                ('lease_until', models.DateTimeField(null=True)),
                ('created_by', models.CharField(blank=True, max_length=150)),
                ('created_at', models.DateTimeField()),
                ('ended_by', models.CharField(blank=True, max_length=150)),
                ('ended_at', models.DateTimeField(null=True)),
                ('action', models.CharField(choices=[('tag', 'add tag'), ('untag', 'remove tag from subscribers'), ('add', 'add subscribers to list'), ('remove', 'remove subscribers from list'), ('suppress', 'suppress')], max_length=10)),
                ('target', models.BigIntegerField(null=True)),
                ('target_name', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('selection', models.JSONField()),
                ('state', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('undoing', 'being undone'), ('undone', 'undone')], default='running', max_length=12)),
                ('last_subscriber', models.BigIntegerField()),
                ('changed', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('reverted', models.PositiveIntegerField(default=0)),
                ('kept', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'bulk action job',
                'verbose_name_plural': 'bulk action jobs',
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('state__in', ['running', 'undoing'])), fields=['id'], name='bulk_job_active')],
            },
        ),
        migrations.CreateModel(
            name='ListGrowth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('months', models.JSONField()),
                ('counted_at', models.DateTimeField()),
                ('mailing_list', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='growth', to='subscribers.mailinglist')),
            ],
        ),
        migrations.CreateModel(
            name='ImportJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('worker', models.CharField(blank=True, max_length=36)),
                ('lease_until', models.DateTimeField(null=True)),
                ('created_by', models.CharField(blank=True, max_length=150)),
                ('created_at', models.DateTimeField()),
                ('ended_by', models.CharField(blank=True, max_length=150)),
                ('ended_at', models.DateTimeField(null=True)),
                ('file_name', models.CharField(max_length=200)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('source', models.CharField(max_length=200)),
                ('language', models.CharField(max_length=12)),
                ('options', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('mapping', 'waiting for the mapping of columns'), ('reading', 'the file is being checked'), ('ready', 'ready to be imported'), ('applying', 'being imported'), ('applied', 'imported'), ('undoing', 'being undone'), ('undone', 'undone'), ('discarded', 'discarded'), ('failed', 'file could not be read')], max_length=12)),
                ('upload', models.CharField(blank=True, max_length=100)),
                ('applied_by', models.CharField(blank=True, max_length=150)),
                ('applied_at', models.DateTimeField(null=True)),
                ('expected', models.JSONField(default=dict)),
                ('result', models.JSONField(default=dict)),
                ('undo_result', models.JSONField(default=dict)),
                ('samples', models.JSONField(default=dict)),
                ('last_line', models.PositiveIntegerField(default=0)),
                ('suppress_do_not_mail', models.BooleanField(default=False)),
                ('mailing_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.mailinglist')),
            ],
            options={
                'verbose_name': 'import',
                'verbose_name_plural': 'imports of subscribers',
            },
        ),
        migrations.CreateModel(
            name='RateLimitCounter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=300, unique=True)),
                ('started_at', models.DateTimeField()),
                ('count', models.PositiveIntegerField()),
            ],
            options={
                'indexes': [models.Index(fields=['started_at'], name='rate_limit_counter_age')],
            },
        ),
        migrations.CreateModel(
            name='ReconfirmationCampaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('worker', models.CharField(blank=True, max_length=36)),
                ('lease_until', models.DateTimeField(null=True)),
                ('created_by', models.CharField(blank=True, max_length=150)),
                ('created_at', models.DateTimeField()),
                ('ended_by', models.CharField(blank=True, max_length=150)),
                ('ended_at', models.DateTimeField(null=True)),
                ('rule', models.JSONField()),
                ('segment_name', models.CharField(max_length=120)),
                ('deadline', models.DateField()),
                ('state', models.CharField(choices=[('sending', 'sending'), ('waiting', 'waiting for answers'), ('cancelled', 'cancelled'), ('finished', 'finished')], default='sending', max_length=12)),
                ('mailing_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.mailinglist')),
            ],
            options={
                'verbose_name': 'reconfirmation campaign',
                'verbose_name_plural': 'reconfirmation campaigns',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='RejectedRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('invalid', 'invalid'), ('do_not_mail', 'marked as do-not-mail in the file'), ('duplicate', 'duplicate within the file'), ('suppressed', 'suppressed'), ('unsubscribed', 'unsubscribed before the import')], max_length=12)),
                ('reason', models.CharField(max_length=300)),
                ('status', models.CharField(blank=True, default='', max_length=16)),
                ('address_hash', models.BinaryField(max_length=16, null=True)),
                ('cells', models.TextField()),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.importjob')),
            ],
        ),
        migrations.CreateModel(
            name='ReversibleErasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('change_ids', models.JSONField()),
                ('address_hashes', models.JSONField()),
                ('encrypted', models.BinaryField()),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['expires_at'], name='reversible_erasure_age')],
            },
        ),
        migrations.CreateModel(
            name='Subscriber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='email')),
                ('address_hash', models.BinaryField(max_length=16, unique=True, verbose_name='hash of the email address')),
                ('name', models.CharField(blank=True, max_length=200, verbose_name='name')),
                ('language', models.CharField(default='en', max_length=12, verbose_name='language')),
                ('countries', subscribers.code_list_field.CountriesField(blank=True, default='', max_length=800, verbose_name='countries')),
                ('tracking_consent_at', models.DateTimeField(editable=False, null=True, verbose_name='time of the tracking consent')),
                ('paused_until', models.DateTimeField(editable=False, null=True, verbose_name='subscription paused until')),
                ('signup_email_at', models.DateTimeField(editable=False, null=True, verbose_name='time of the last sign-up email')),
                ('data_by_link', models.BooleanField(db_default=True, default=True, editable=False, verbose_name='link to the subscriber’s own data')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='time of the last change')),
            ],
            options={
                'verbose_name': 'subscriber',
                'verbose_name_plural': 'subscribers',
                'indexes': [models.Index(fields=['language', 'countries'], name='subscriber_preferences'), models.Index(condition=models.Q(('signup_email_at__isnull', False)), fields=['signup_email_at'], name='subscriber_signup_email')],
            },
        ),
        migrations.CreateModel(
            name='ReconfirmationRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='subscribers.reconfirmationcampaign')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='FormerAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.BinaryField(max_length=16, unique=True)),
                ('merged_subscriber_id', models.BigIntegerField(null=True, unique=True)),
                ('is_own', models.BooleanField(default=True)),
                ('replaced_at', models.DateTimeField()),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='former_addresses', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='FieldValue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(blank=True, max_length=200)),
                ('number', models.FloatField(null=True)),
                ('date', models.DateField(null=True)),
                ('field', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='values', to='subscribers.customfield')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='values', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='DataLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.BinaryField(max_length=16)),
                ('requested_at', models.DateTimeField()),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='data_links', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='ConsentRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('requested', 'requested a subscription'), ('confirmed', 'confirmed by the link in our email'), ('subscribed', 'subscribed'), ('imported', 'added by an import'), ('added', 'added by staff'), ('restored', 'subscription restored'), ('unsubscribed', 'unsubscribed'), ('removed', 'removed from the list'), ('preferences', 'changed preferences'), ('address_changed', 'changed the email address'), ('tracking_on', 'agreed to tracking of clicks'), ('tracking_off', 'withdrew consent to tracking of clicks')], max_length=16)),
                ('channel', models.CharField(choices=[('form', 'sign-up form'), ('email_link', 'link in a transactional email'), ('preferences', 'preference center'), ('one_click', 'one-click unsubscribe'), ('email', 'unsubscribe request by email'), ('esp', 'email service provider'), ('import', 'import'), ('desk', 'desk'), ('api', 'REST API'), ('cli', 'command line'), ('decision', 'suppression decision')], max_length=12)),
                ('at', models.DateTimeField()),
                ('source', models.CharField(blank=True, max_length=200)),
                ('attested_by', models.CharField(blank=True, max_length=150)),
                ('network', models.CharField(blank=True, max_length=49)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('text', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscribers.consenttext')),
                ('mailing_list', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.mailinglist')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to='subscribers.subscriber')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='BulkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_id', models.BigIntegerField(null=True)),
                ('old_state', models.CharField(blank=True, max_length=12)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='subscribers.bulkjob')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='AddressChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old_email', models.EmailField(max_length=254)),
                ('new_email', models.EmailField(max_length=254)),
                ('requested_at', models.DateTimeField()),
                ('needs_old', models.BooleanField(default=True)),
                ('old_confirmed_at', models.DateTimeField(null=True)),
                ('new_confirmed_at', models.DateTimeField(null=True)),
                ('lists', models.JSONField(default=list)),
                ('changed_at', models.DateTimeField(null=True)),
                ('new_is_known', models.BooleanField(default=False)),
                ('rejected_at', models.DateTimeField(null=True)),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='address_changes', to='subscribers.subscriber')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('pending', 'waiting for confirmation'), ('confirmed', 'confirmed'), ('unsubscribed', 'unsubscribed')], default='pending', max_length=12)),
                ('source', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('mailing_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='subscribers.mailinglist')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='subscribers.subscriber')),
            ],
        ),
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.BinaryField(max_length=16)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('reason', models.CharField(choices=[('hard_bounce', 'hard bounce'), ('soft_bounces', 'repeated soft bounces'), ('complaint', 'spam complaint'), ('manual', 'suppressed by staff'), ('unsubscribed', 'unsubscribed in another system'), ('erased', "erased on the subscriber's request")], max_length=16)),
                ('evidence', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lifted_by', models.CharField(blank=True, max_length=150)),
                ('reopened_at', models.DateTimeField(blank=True, null=True)),
                ('reopened_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'verbose_name': 'suppression',
                'verbose_name_plural': 'suppressions',
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('address_hash',), name='suppression_unique_active')],
            },
        ),
        migrations.CreateModel(
            name='Tagging',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='taggings', to='subscribers.subscriber')),
                ('tag', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='taggings', to='subscribers.tag')),
            ],
        ),
        migrations.CreateModel(
            name='ImportChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('new', 'subscriber was not known before'), ('joins', 'subscriber was already known, and was added to the list'), ('confirms', 'subscription was waiting for confirmation'), ('changes', 'subscriber was already on the list')], max_length=12)),
                ('old_name', models.CharField(max_length=200, null=True)),
                ('old_language', models.CharField(max_length=12, null=True)),
                ('old_countries', models.CharField(max_length=800, null=True)),
                ('new_name', models.CharField(max_length=200, null=True)),
                ('new_language', models.CharField(max_length=12, null=True)),
                ('new_countries', models.CharField(max_length=800, null=True)),
                ('attributes', models.TextField(default='')),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.importjob')),
            ],
            options={
                'indexes': [models.Index(fields=['job', 'id'], name='import_change_of_job')],
            },
        ),
        migrations.CreateModel(
            name='ImportRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField()),
                ('address_hash', models.BinaryField(max_length=16)),
                ('email', models.CharField(max_length=254)),
                ('name', models.CharField(max_length=200)),
                ('language', models.CharField(max_length=12)),
                ('countries', models.CharField(max_length=800)),
                ('warning', models.CharField(max_length=300)),
                ('attributes', models.TextField(default='')),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.importjob')),
            ],
            options={
                'indexes': [models.Index(fields=['job', 'line'], name='import_row_line')],
            },
        ),
        migrations.AddIndex(
            model_name='importjob',
            index=models.Index(fields=['state'], name='import_job_state'),
        ),
        migrations.AddIndex(
            model_name='rejectedrow',
            index=models.Index(fields=['job', 'line'], name='rejected_row_line'),
        ),
        migrations.AddConstraint(
            model_name='reconfirmationrequest',
            constraint=models.UniqueConstraint(fields=('campaign', 'subscriber'), name='reconfirmation_request_once'),
        ),
        migrations.AddConstraint(
            model_name='fieldvalue',
            constraint=models.UniqueConstraint(fields=('field', 'subscriber'), name='field_value_once'),
        ),
        migrations.AddIndex(
            model_name='datalink',
            index=models.Index(fields=['requested_at'], name='data_link_age'),
        ),
        migrations.AddIndex(
            model_name='consentrecord',
            index=models.Index(condition=models.Q(models.Q(('network', ''), _negated=True), models.Q(('user_agent', ''), _negated=True), _connector='OR'), fields=['at'], name='consent_with_details'),
        ),
        migrations.AddIndex(
            model_name='addresschange',
            index=models.Index(fields=['requested_at'], name='address_change_age'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(fields=['mailing_list', 'state', 'subscriber'], name='subscription_audience'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('subscriber', 'mailing_list'), name='subscription_unique'),
        ),
        migrations.AddConstraint(
            model_name='tagging',
            constraint=models.UniqueConstraint(fields=('tag', 'subscriber'), name='tagging_once'),
        ),
        migrations.RunPython(_triggers.create_all, _triggers.drop_all),
    ]
