# ruff: noqa: E501  (texts in seven languages, as people write them)
"""Plausible stories in seven languages without a fault: what the checks must not complain about."""

from __future__ import annotations

# By story, by language: headline, summary, body.
STORIES: tuple[dict[str, tuple[str, str, str]], ...] = (
    {
        "en": (
            "Border teams rehearse an outbreak",
            "On 29 November, 42 officers from seven services practised the four steps of RING in Termez.",
            "<p>The drill began at 9 a.m. and ended after 6 pm. A “patient” with 38.9 °C was isolated within 20 minutes; last year it took 35.</p><p>“We knew the theory,” says Captain R. Saidov, “but not each other’s phone numbers.”</p>",
        ),
        "ru": (
            "Пограничные команды отработали вспышку болезни",
            "29 ноября 42 сотрудника семи служб отработали в Термезе четыре шага RING.",
            "<p>Учения начались в 9:00 и закончились после 18:00. «Пациента» с температурой 38,9 °C изолировали за 20 минут; год назад на это ушло 35.</p><p>«Теорию мы знали, — говорит капитан Р. Саидов, — но не знали телефонов друг друга».</p>",
        ),
        "kk": (
            "Шекара топтары ауру өршуіне дайындалды",
            "29 қарашада жеті қызметтің 42 қызметкері Термезде RING-тің төрт қадамын жаттықты.",
            "<p>Жаттығу сағат 9:00-де басталып, 18:00-ден кейін аяқталды. Қызуы 38,9 °C «науқас» 20 минутта оқшауланды; былтыр бұған 35 минут кеткен еді.</p><p>«Теорияны білетінбіз, – дейді капитан Р. Саидов, – бірақ бір-біріміздің телефонымызды білмейтінбіз».</p>",
        ),
        "ky": (
            "Чек ара топтору ооруга даярданышты",
            "29-ноябрда жети кызматтын 42 кызматкери Термезде RINGдин төрт кадамын машыкты.",
            "<p>Машыгуу саат 9:00дө башталып, 18:00дөн кийин аяктады. Температурасы 38,9 °C болгон «бейтап» 20 мүнөттө бөлүнүп коюлду; былтыр буга 35 мүнөт кеткен.</p><p>«Теорияны билчүбүз, — дейт капитан Р. Саидов, — бирок бири-бирибиздин телефонубузду билчү эмеспиз».</p>",
        ),
        "tg": (
            "Гурӯҳҳои сарҳадӣ ба хуруҷи беморӣ омода шуданд",
            "29 ноябр 42 корманди ҳафт хадамот дар Тирмиз чор қадами RING-ро машқ карданд.",
            "<p>Машқ соати 9:00 оғоз шуда, пас аз соати 18:00 ба охир расид. «Бемор»-и дорои ҳарорати 38,9 °C дар 20 дақиқа ҷудо карда шуд; соли гузашта ин 35 дақиқа гирифта буд.</p><p>«Мо назарияро медонистем, — мегӯяд капитан Р. Саидов, — аммо рақами телефони якдигарро намедонистем».</p>",
        ),
        "uz": (
            "Chegara guruhlari kasallik tarqalishiga tayyorlandi",
            "29-noyabrda yetti xizmatning 42 nafar xodimi Termizda RINGning to‘rt qadamini mashq qildi.",
            "<p>Mashg‘ulot soat 9:00 da boshlanib, 18:00 dan keyin tugadi. Harorati 38,9 °C bo‘lgan “bemor” 20 daqiqada ajratildi; o‘tgan yili bunga 35 daqiqa ketgan edi.</p><p>“Nazariyani bilardik, — deydi kapitan R. Saidov, — lekin bir-birimizning telefonimizni bilmasdik”.</p>",
        ),
        "tk": (
            "Serhet toparlary keseliň ýaýramagyna taýýarlandy",
            "29-njy noýabrda ýedi gullugyň 42 işgäri Termezde RING-iň dört ädimini türgenleşdi.",
            "<p>Türgenleşik sagat 9:00-da başlap, 18:00-dan soň tamamlandy. Gyzgyny 38,9 °C bolan «näsag» 20 minutda aýratyn ýerleşdirildi; geçen ýyl muňa 35 minut gidipdi.</p><p>«Biz nazaryýeti bilýärdik — diýip, kapitan R. Saidow aýdýar — ýöne biri-birimiziň telefonymyzy bilmeýärdik».</p>",
        ),
    },
    {
        "en": (
            "Remittances to Tajikistan grew again",
            "Migrants sent home US$2.7 billion in 2021, 21% more than the year before, the World Bank estimates.",
            '<p>Half of all households get money from abroad. In the 2000s the share was 12–15%.</p><p>A transfer of 5,000 roubles costs about 1.5%. Details: Table 3 of <a href="https://data.office.int/tjk/2021">the country brief</a>.</p>',
        ),
        "ru": (
            "Переводы в Таджикистан снова выросли",
            "В 2021 году мигранты отправили домой 2,7 млрд долларов США, на 21 % больше, чем годом ранее, по оценке Всемирного банка.",
            '<p>Половина домохозяйств получает деньги из-за рубежа. В 2000-е годы доля составляла 12–15 %.</p><p>Перевод 5000 рублей стоит около 1,5 %. Подробности — в таблице 3 <a href="https://data.office.int/tjk/2021">обзора по стране</a>.</p>',
        ),
        "kk": (
            "Тәжікстанға аударымдар қайта өсті",
            "Дүниежүзілік банктің бағалауынша, 2021 жылы мигранттар үйіне 2,7 млрд АҚШ долларын жіберді, бұл бір жыл бұрынғыдан 21 % көп.",
            '<p>Үй шаруашылықтарының жартысы шетелден ақша алады. 2000-жылдары бұл үлес 12–15 % еді.</p><p>5000 рубль аударым шамамен 1,5 % тұрады. Толығырақ: <a href="https://data.office.int/tjk/2021">ел шолуының</a> 3-кестесі.</p>',
        ),
        "ky": (
            "Тажикстанга которуулар кайра өстү",
            "Дүйнөлүк банктын баасы боюнча, 2021-жылы мигранттар үйүнө 2,7 млрд АКШ доллар жөнөтүштү, бул мурдагы жылга караганда 21 % көп.",
            '<p>Үй чарбаларынын жарымы чет өлкөдөн акча алат. 2000-жылдары үлүш 12–15 % болгон.</p><p>5000 рубль которуу болжол менен 1,5 % турат. Кененирээк: <a href="https://data.office.int/tjk/2021">өлкө баянынын</a> 3-таблицасы.</p>',
        ),
        "tg": (
            "Интиқоли пул ба Тоҷикистон боз афзуд",
            "Бино ба арзёбии Бонки ҷаҳонӣ, соли 2021 муҳоҷирон ба хона 2,7 млрд доллари ИМА фиристоданд, ки нисбат ба соли пеш 21 % зиёд аст.",
            '<p>Нисфи хонаводаҳо аз хориҷа пул мегиранд. Дар солҳои 2000-ум ин ҳисса 12–15 % буд.</p><p>Интиқоли 5000 рубл тақрибан 1,5 % арзиш дорад. Муфассал: ҷадвали 3-и <a href="https://data.office.int/tjk/2021">шарҳи кишвар</a>.</p>',
        ),
        "uz": (
            "Tojikistonga o‘tkazmalar yana oshdi",
            "Jahon banki bahosiga ko‘ra, 2021-yilda migrantlar uyiga 2,7 mlrd AQSh dollari jo‘natdi, bu bir yil oldingidan 21 foiz ko‘p.",
            '<p>Xonadonlarning yarmi chet eldan pul oladi. 2000-yillarda bu ulush 12–15 foiz edi.</p><p>5000 rubl o‘tkazma taxminan 1,5 foiz turadi. Batafsil: <a href="https://data.office.int/tjk/2021">mamlakat sharhining</a> 3-jadvali.</p>',
        ),
        "tk": (
            "Täjigistana pul geçirimleri ýene artdy",
            "Bütindünýä bankynyň bahasyna görä, 2021-nji ýylda migrantlar öýlerine 2,7 mlrd ABŞ dollaryny iberdi, bu bir ýyl öňküden 21 % köp.",
            '<p>Hojalyklaryň ýarysy daşary ýurtdan pul alýar. 2000-nji ýyllarda bu paý 12–15 % boldy.</p><p>5000 rubl geçirmek takmynan 1,5 % durýar. Jikme-jik: <a href="https://data.office.int/tjk/2021">ýurt synynyň</a> 3-nji tablisasy.</p>',
        ),
    },
    {
        "en": (
            "A hotline answers in five languages",
            "Since March 2020 the hotline 1899 has taken more than 100,000 calls, most of them about COVID-19 rules.",
            "<p>It is free of charge and open 24/7. From abroad, call +998 71 200 00 01.</p><ul><li>travel bans: 41%;</li><li>unpaid wages: every third call;</li><li>lost papers: the rest.</li></ul><p>The hotline won a prize in Geneva (Switzerland) in 2021.</p>",
        ),
        "ru": (
            "Горячая линия отвечает на пяти языках",
            "С марта 2020 года горячая линия 1899 приняла более 100 тыс. звонков, большинство — о правилах из-за COVID-19.",
            "<p>Она бесплатна и работает круглосуточно. Из-за рубежа звоните +998 71 200 00 01.</p><ul><li>запрет на въезд: 41 %;</li><li>невыплата зарплаты: каждый третий звонок;</li><li>утерянные документы: остальные.</li></ul><p>В 2021 году линия получила премию в Женеве (Швейцария).</p>",
        ),
        "kk": (
            "Сенім телефоны бес тілде жауап береді",
            "2020 жылғы наурыздан бері 1899 сенім телефоны 100 мыңнан астам қоңырау қабылдады, көбі COVID-19 ережелері туралы.",
            "<p>Ол тегін әрі тәулік бойы жұмыс істейді. Шетелден +998 71 200 00 01 нөміріне қоңырау шалыңыз.</p><ul><li>кіруге тыйым: 41 %;</li><li>төленбеген жалақы: әрбір үшінші қоңырау;</li><li>жоғалған құжаттар: қалғандары.</li></ul><p>2021 жылы желі Женевада (Швейцария) жүлде алды.</p>",
        ),
        "ky": (
            "Ишеним телефону беш тилде жооп берет",
            "2020-жылдын мартынан бери 1899 ишеним телефону 100 миңден ашык чалууну кабыл алды, көбү COVID-19 эрежелери жөнүндө.",
            "<p>Ал бекер жана күнү-түнү иштейт. Чет өлкөдөн +998 71 200 00 01 номерине чалыңыз.</p><ul><li>кирүүгө тыюу: 41 %;</li><li>төлөнбөгөн айлык: ар бир үчүнчү чалуу;</li><li>жоголгон документтер: калгандары.</li></ul><p>2021-жылы телефон Женевада (Швейцария) сыйлык алды.</p>",
        ),
        "tg": (
            "Телефони боварӣ бо панҷ забон ҷавоб медиҳад",
            "Аз моҳи марти соли 2020 телефони боварии 1899 зиёда аз 100 ҳазор занг қабул кард, аксари онҳо дар бораи қоидаҳои COVID-19.",
            "<p>Он ройгон аст ва шабонарӯзӣ кор мекунад. Аз хориҷа ба +998 71 200 00 01 занг занед.</p><ul><li>манъи воридшавӣ: 41 %;</li><li>музди пардохтнашуда: ҳар занги сеюм;</li><li>ҳуҷҷатҳои гумшуда: боқимонда.</li></ul><p>Соли 2021 телефон дар Женева (Швейтсария) ҷоиза гирифт.</p>",
        ),
        "uz": (
            "Ishonch telefoni besh tilda javob beradi",
            "2020-yil mart oyidan beri 1899 ishonch telefoni 100 mingdan ortiq qo‘ng‘iroqni qabul qildi, ko‘pi COVID-19 qoidalari haqida.",
            "<p>U bepul va kecha-yu kunduz ishlaydi. Chet eldan +998 71 200 00 01 raqamiga qo‘ng‘iroq qiling.</p><ul><li>kirish taqiqi: 41 foiz;</li><li>to‘lanmagan ish haqi: har uchinchi qo‘ng‘iroq;</li><li>yo‘qolgan hujjatlar: qolganlari.</li></ul><p>2021-yilda telefon Jenevada (Shveytsariya) mukofot oldi.</p>",
        ),
        "tk": (
            "Ynanç telefony bäş dilde jogap berýär",
            "2020-nji ýylyň martyndan bäri 1899 ynanç telefony 100 müňden gowrak jaň kabul etdi, köpüsi COVID-19 düzgünleri barada.",
            "<p>Ol mugt we gije-gündiz işleýär. Daşary ýurtdan +998 71 200 00 01 belgä jaň ediň.</p><ul><li>giriş gadaganlygy: 41 %;</li><li>tölenmedik aýlyk: her üçünji jaň;</li><li>ýitirilen resminamalar: galanlary.</li></ul><p>2021-nji ýylda telefon Ženewada (Şweýsariýa) baýrak aldy.</p>",
        ),
    },
    {
        "en": (
            "Young filmmakers show life on the move",
            "Eleven short films from Osh, Khujand and Nukus will be shown on Friday, 17 December 2021, from 18:30 to 21:00.",
            '<p>The youngest author, Madina Yusupova, is 14. Her film lasts 3 min 40 s and has no words at all. “Silence is easy to translate,” she says.</p><p>Entrance is free; please register by 15 December at <a href="https://films.office.int/2021">films.office.int</a>.</p>',
        ),
        "ru": (
            "Молодые режиссёры показывают жизнь в пути",
            "Одиннадцать короткометражных фильмов из Оша, Худжанда и Нукуса покажут в пятницу, 17 декабря 2021 года, с 18:30 до 21:00.",
            '<p>Самому юному автору, Мадине Юсуповой, 14 лет. Её фильм длится 3 мин 40 с, и в нём нет ни слова. «Тишину легко переводить», — говорит она.</p><p>Вход свободный; зарегистрируйтесь до 15 декабря на <a href="https://films.office.int/2021">films.office.int</a>.</p>',
        ),
        "kk": (
            "Жас режиссёрлер жолдағы өмірді көрсетеді",
            "Ош, Хожант және Нөкістен келген он бір қысқа фильм 2021 жылғы 17 желтоқсанда, жұма күні 18:30-дан 21:00-ге дейін көрсетіледі.",
            '<p>Ең жас автор Мадина Юсупова 14 жаста. Оның фильмі 3 мин 40 с созылады, онда бір сөз де жоқ. «Үнсіздікті аудару оңай», – дейді ол.</p><p>Кіру тегін; 15 желтоқсанға дейін <a href="https://films.office.int/2021">films.office.int</a> сайтында тіркеліңіз.</p>',
        ),
        "ky": (
            "Жаш режиссёрлор жолдогу жашоону көрсөтөт",
            "Оштон, Коженттен жана Нукустан келген он бир кыска тасма 2021-жылдын 17-декабрында, жума күнү 18:30дан 21:00гө чейин көрсөтүлөт.",
            '<p>Эң жаш автор Мадина Юсупова 14 жашта. Анын тасмасы 3 мүн 40 с созулат, анда бир да сөз жок. «Тынчтыкты которуу оңой», — дейт ал.</p><p>Кирүү акысыз; 15-декабрга чейин <a href="https://films.office.int/2021">films.office.int</a> сайтында катталыңыз.</p>',
        ),
        "tg": (
            "Коргардонҳои ҷавон ҳаётро дар роҳ нишон медиҳанд",
            "Ёздаҳ филми кӯтоҳ аз Ӯш, Хуҷанд ва Нукус рӯзи ҷумъа, 17 декабри соли 2021, аз соати 18:30 то 21:00 намоиш дода мешавад.",
            '<p>Муаллифи ҷавонтарин Мадина Юсупова 14-сола аст. Филми ӯ 3 дақ 40 с давом мекунад ва дар он ягон калима нест. «Хомӯширо тарҷума кардан осон аст», — мегӯяд ӯ.</p><p>Даромад озод аст; то 15 декабр дар <a href="https://films.office.int/2021">films.office.int</a> сабти ном шавед.</p>',
        ),
        "uz": (
            "Yosh rejissyorlar yo‘ldagi hayotni ko‘rsatadi",
            "O‘sh, Xo‘jand va Nukusdan kelgan o‘n bir qisqa film 2021-yil 17-dekabr, juma kuni soat 18:30 dan 21:00 gacha namoyish etiladi.",
            '<p>Eng yosh muallif Madina Yusupova 14 yoshda. Uning filmi 3 daq 40 s davom etadi va unda bironta so‘z yo‘q. “Jimlikni tarjima qilish oson”, — deydi u.</p><p>Kirish bepul; 15-dekabrgacha <a href="https://films.office.int/2021">films.office.int</a> saytida ro‘yxatdan o‘ting.</p>',
        ),
        "tk": (
            "Ýaş režissýorlar ýoldaky durmuşy görkezýär",
            "Oşdan, Hojentden we Nukusdan gelen on bir gysga film 2021-nji ýylyň 17-nji dekabrynda, anna güni sagat 18:30-dan 21:00-a çenli görkeziler.",
            '<p>Iň ýaş awtor Madina Ýusupowa 14 ýaşynda. Onuň filmi 3 min 40 s dowam edýär we onda ýekeje söz hem ýok. «Dymmagy terjime etmek aňsat» diýip, ol aýdýar.</p><p>Giriş mugt; 15-nji dekabra çenli <a href="https://films.office.int/2021">films.office.int</a> saýtynda ýazylyň.</p>',
        ),
    },
    {
        "en": (
            "Tajikistan plans its fight against trafficking, 2022–2024",
            "Some 60 officials and NGOs met in Dushanbe to agree on 38 measures; the plan costs 4.2 million somoni a year.",
            "<p>It is the country’s fourth plan since 2004. The OSCE and the US State Department pay two thirds.</p><p>Article 130(1) of the Criminal Code stays as it is: 5 to 8 years in prison. Victims get up to 90 days of shelter, as SDG target 16.2 and the Global Compact (objective 10) ask.</p>",
        ),
        "ru": (
            "Таджикистан планирует борьбу с торговлей людьми на 2022–2024 годы",
            "Около 60 чиновников и представителей НПО согласовали в Душанбе 38 мер; план стоит 4,2 млн сомони в год.",
            "<p>Это четвёртый план страны с 2004 года. ОБСЕ и Госдепартамент США оплачивают две трети.</p><p>Статья 130.1 Уголовного кодекса не меняется: от 5 до 8 лет тюрьмы. Пострадавшие получают до 90 дней приюта, как того требуют задача 16.2 ЦУР и Глобальный договор (цель 10).</p>",
        ),
        "kk": (
            "Тәжікстан 2022–2024 жылдарға адам саудасына қарсы жоспар жасады",
            "Душанбеде 60-қа жуық шенеунік пен ҮЕҰ 38 шараны келісті; жоспар жылына 4,2 млн сомони тұрады.",
            "<p>Бұл – елдің 2004 жылдан бергі төртінші жоспары. ЕҚЫҰ мен АҚШ Мемлекеттік департаменті үштен екісін төлейді.</p><p>Қылмыстық кодекстің 130(1)-бабы өзгермейді: 5 жылдан 8 жылға дейін бас бостандығынан айыру. Зардап шеккендер 90 күнге дейін баспана алады, бұл ТДМ 16.2-міндетіне және Жаһандық шартқа (10-мақсат) сай.</p>",
        ),
        "ky": (
            "Тажикстан 2022–2024-жылдарга адам сатууга каршы план түздү",
            "Душанбеде 60ка жакын кызматкер жана ӨЭУ 38 чараны макулдашты; план жылына 4,2 млн сомони турат.",
            "<p>Бул өлкөнүн 2004-жылдан берки төртүнчү планы. ЕККУ менен АКШ Мамлекеттик департаменти үчтөн экисин төлөйт.</p><p>Кылмыш кодексинин 130(1)-беренеси өзгөрбөйт: 5 жылдан 8 жылга чейин эркинен ажыратуу. Жабыркагандар 90 күнгө чейин баш калкалоочу жай алышат, муну ТӨМдүн 16.2-милдети жана Глобалдык келишим (10-максат) талап кылат.</p>",
        ),
        "tg": (
            "Тоҷикистон барои солҳои 2022–2024 нақшаи зидди савдои одамон таҳия кард",
            "Дар Душанбе қариб 60 мансабдор ва СҒҲ 38 чораро мувофиқа карданд; нақша дар як сол 4,2 млн сомонӣ арзиш дорад.",
            "<p>Ин нақшаи чоруми кишвар аз соли 2004 аст. САҲА ва Департаменти давлатии ИМА аз се ду ҳиссаашро медиҳанд.</p><p>Моддаи 130(1)-и Кодекси ҷиноятӣ тағйир намеёбад: аз 5 то 8 сол маҳрум сохтан аз озодӣ. Ҷабрдидагон то 90 рӯз паноҳгоҳ мегиранд, чунон ки вазифаи 16.2-и ҲРУ ва Паймони ҷаҳонӣ (ҳадафи 10) талаб мекунанд.</p>",
        ),
        "uz": (
            "Tojikiston 2022–2024-yillarga odam savdosiga qarshi reja tuzdi",
            "Dushanbe shahrida 60 ga yaqin mansabdor va NNT 38 chorani kelishdi; reja yiliga 4,2 mln somoni turadi.",
            "<p>Bu mamlakatning 2004-yildan beri to‘rtinchi rejasi. YXHT va AQSh Davlat departamenti uchdan ikki qismini to‘laydi.</p><p>Jinoyat kodeksining 130(1)-moddasi o‘zgarmaydi: 5 yildan 8 yilgacha ozodlikdan mahrum qilish. Jabrlanganlar 90 kungacha boshpana oladi, buni BRM 16.2-vazifasi va Global shartnoma (10-maqsad) talab qiladi.</p>",
        ),
        "tk": (
            "Täjigistan 2022–2024-nji ýyllara adam söwdasyna garşy meýilnama düzdi",
            "Duşenbede 60-a golaý resmi adam we JG 38 çäre barada ylalaşdy; meýilnama ýylda 4,2 mln somoni durýar.",
            "<p>Bu ýurduň 2004-nji ýyldan bäri dördünji meýilnamasy. ÝHHG we ABŞ-nyň Döwlet departamenti üçden ikisini töleýär.</p><p>Jenaýat kodeksiniň 130(1) maddasy üýtgemeýär: 5 ýyldan 8 ýyla çenli azatlykdan mahrum etmek. Ejir çekenler 90 güne çenli gaçybatalga alýar, muny DÖM 16.2 wezipesi we Ählumumy şertnama (10-njy maksat) talap edýär.</p>",
        ),
    },
    {
        "en": (
            "Water, work and why people leave",
            "A study of 1,870 households in the Aral Sea region links each dry year to more departures.",
            "<p>Between 1960 and 2020 the sea lost about 90% of its water. Of 10 families asked, four have a member abroad – mostly in Kazakhstan, Russia or Türkiye.</p><p>The authors (A. Nurlanova, B. Ismoilov et al.) propose three things: drip irrigation, credit and an honest forecast. More on p. 47 ff.</p>",
        ),
        "ru": (
            "Вода, работа и почему люди уезжают",
            "Исследование 1870 домохозяйств Приаралья связывает каждый засушливый год с ростом числа отъездов.",
            "<p>С 1960 по 2020 год море потеряло около 90 % воды. Из 10 опрошенных семей у четырёх кто-то живёт за рубежом – чаще в Казахстане, России или Турции.</p><p>Авторы (А. Нурланова, Б. Исмоилов и др.) предлагают три вещи: капельное орошение, кредиты и честный прогноз. Подробнее на с. 47 и далее.</p>",
        ),
        "kk": (
            "Су, жұмыс және адамдар неге кетеді",
            "Арал өңіріндегі 1870 үй шаруашылығын зерттеу әр құрғақ жылды кетушілер санының өсуімен байланыстырады.",
            "<p>1960 жылдан 2020 жылға дейін теңіз суының шамамен 90 %-ын жоғалтты. Сұралған 10 отбасының төртеуінде біреу шетелде – көбіне Қазақстанда, Ресейде немесе Түркияда.</p><p>Авторлар (А. Нұрланова, Б. Исмоилов және т.б.) үш нәрсе ұсынады: тамшылатып суару, несие және адал болжам. Толығырақ 47-бетте.</p>",
        ),
        "ky": (
            "Суу, жумуш жана адамдар эмнеге кетет",
            "Арал аймагындагы 1870 үй чарбасын изилдөө ар бир кургак жылды кеткендердин көбөйүшү менен байланыштырат.",
            "<p>1960-жылдан 2020-жылга чейин деңиз суусунун болжол менен 90 %ын жоготту. Суралган 10 үй-бүлөнүн төртөөндө бирөө чет өлкөдө – көбүнчө Казакстанда, Россияда же Түркияда.</p><p>Авторлор (А. Нурланова, Б. Исмоилов ж.б.) үч нерсени сунуштайт: тамчылатып сугаруу, насыя жана чынчыл божомол. Кененирээк 47-бетте.</p>",
        ),
        "tg": (
            "Об, кор ва чаро одамон мераванд",
            "Таҳқиқоти 1870 хонавода дар минтақаи баҳри Арал ҳар соли хушкро бо афзоиши рафтанҳо мепайвандад.",
            "<p>Аз соли 1960 то 2020 баҳр тақрибан 90 %-и оби худро гум кард. Аз 10 оилаи пурсидашуда дар чортоаш касе дар хориҷа аст – бештар дар Қазоқистон, Русия ё Туркия.</p><p>Муаллифон (А. Нурланова, Б. Исмоилов ва диг.) се чизро пешниҳод мекунанд: обёрии қатрагӣ, қарз ва пешгӯии ҳалол. Муфассал дар саҳ. 47.</p>",
        ),
        "uz": (
            "Suv, ish va odamlar nega ketadi",
            "Orolbo‘yidagi 1870 xonadonni o‘rganish har bir qurg‘oq yilni ketuvchilar ko‘payishi bilan bog‘laydi.",
            "<p>1960-yildan 2020-yilgacha dengiz suvining 90 foizga yaqinini yo‘qotdi. So‘ralgan 10 oilaning to‘rttasida kimdir chet elda – ko‘pincha Qozog‘iston, Rossiya yoki Turkiyada.</p><p>Mualliflar (A. Nurlanova, B. Ismoilov va boshq.) uch narsani taklif qiladi: tomchilatib sug‘orish, kredit va halol prognoz. Batafsil 47-betda.</p>",
        ),
        "tk": (
            "Suw, iş we adamlar näme üçin gidýär",
            "Aral sebitindäki 1870 hojalygy öwrenmek her gurak ýyly gidýänleriň köpelmegi bilen baglanyşdyrýar.",
            "<p>1960-njy ýyldan 2020-nji ýyla çenli deňiz suwunyň 90 %-ine golaýyny ýitirdi. Soralan 10 maşgalanyň dördüsinde biri daşary ýurtda – köplenç Gazagystanda, Russiýada ýa-da Türkiýede.</p><p>Awtorlar (A. Nurlanowa, B. Ismoilow we beýl.) üç zady teklip edýär: damjalaýyn suwaryş, karz we dogruçyl çaklama. Jikme-jik 47-nji sahypada.</p>",
        ),
    },
    {
        "en": (
            "What the new passport law changes",
            "From 1 January 2022, citizens of Kazakhstan aged 16 or older renew passports in 3 to 15 days, says Decree No. 684.",
            "<p>Until now it took a month. The fee is 4 MCI (monthly calculation index), i.e. about 11,700 tenge; it was 8 MCI in 1999.</p><p>Questions and answers are in “Know your rights”, a leaflet of the Ministry of Internal Affairs.</p>",
        ),
        "ru": (
            "Что меняет новый закон о паспортах",
            "С 1 января 2022 года граждане Казахстана с 16 лет меняют паспорта за 3–15 дней, гласит постановление № 684.",
            "<p>До сих пор на это уходил месяц. Сбор — 4 МРП (месячный расчётный показатель), т. е. около 11 700 тенге; в 1999 году он составлял 8 МРП.</p><p>Вопросы и ответы — в листовке МВД «Знай свои права».</p>",
        ),
        "kk": (
            "Паспорт туралы жаңа заң нені өзгертеді",
            "2022 жылғы 1 қаңтардан бастап Қазақстанның 16 жастан асқан азаматтары паспортты 3–15 күнде ауыстырады, дейді № 684 қаулы.",
            "<p>Осыған дейін бұған бір ай кететін. Алым – 4 АЕК (айлық есептік көрсеткіш), яғни шамамен 11 700 теңге; 1999 жылы ол 8 АЕК болған.</p><p>Сұрақтар мен жауаптар ІІМ-нің «Құқықтарыңды біл» парақшасында.</p>",
        ),
        "ky": (
            "Паспорт жөнүндө жаңы мыйзам эмнени өзгөртөт",
            "2022-жылдын 1-январынан тартып Казакстандын 16 жаштан өткөн жарандары паспортту 3–15 күндө алмаштырат, дейт № 684 токтом.",
            "<p>Буга чейин бир ай кетчү. Жыйым – 4 АЭК (айлык эсептик көрсөткүч), б.а. болжол менен 11 700 теңге; 1999-жылы ал 8 АЭК болгон.</p><p>Суроолор жана жооптор ИИМдин «Укугуңду бил» баракчасында.</p>",
        ),
        "tg": (
            "Қонуни нави шиноснома чиро тағйир медиҳад",
            "Аз 1 январи соли 2022 шаҳрвандони аз 16-солаи Қазоқистон шиносномаро дар 3–15 рӯз иваз мекунанд, мегӯяд қарори № 684.",
            "<p>То ҳол ин як моҳ мегирифт. Пардохт 4 НҲМ (нишондиҳандаи ҳисобии моҳона), яъне тақрибан 11 700 танга аст; соли 1999 он 8 НҲМ буд.</p><p>Саволу ҷавобҳо дар варақаи ВКД «Ҳуқуқи худро бидон» ҳастанд.</p>",
        ),
        "uz": (
            "Pasport to‘g‘risidagi yangi qonun nimani o‘zgartiradi",
            "2022-yil 1-yanvardan Qozog‘istonning 16 yoshdan katta fuqarolari pasportni 3–15 kunda almashtiradi, deyiladi 684-son qarorda.",
            "<p>Shu paytgacha bunga bir oy ketardi. Yig‘im – 4 OHK (oylik hisob ko‘rsatkichi), ya’ni taxminan 11 700 tenge; 1999-yilda u 8 OHK edi.</p><p>Savol-javoblar IIVning “Huquqingni bil” varaqasida.</p>",
        ),
        "tk": (
            "Pasport baradaky täze kanun nämäni üýtgedýär",
            "2022-nji ýylyň 1-nji ýanwaryndan Gazagystanyň 16 ýaşdan uly raýatlary pasporty 3–15 günde çalyşýar, diýilýär 684-nji kararda.",
            "<p>Şu wagta çenli muňa bir aý gerek bolýardy. Töleg – 4 AHG (aýlyk hasap görkezijisi), ýagny takmynan 11 700 teňňe; 1999-njy ýylda ol 8 AHG bolupdy.</p><p>Soraglar we jogaplar IIM-iň «Hukugyňy bil» kagyzynda.</p>",
        ),
    },
    {
        "en": (
            "School meals reach mountain villages",
            "In 27 villages above 2,000 m, 3,400 pupils now get a hot lunch every day (except Sundays).",
            "<p>The cook, Gulnara Asanova, gets up at 4:30. “Porridge on Mondays, plov on Fridays – and nobody is late any more,” she laughs.</p><p>Each meal costs 25–30 som. Partners: WFP, UNICEF, the Ministry of Education and Science. Tel.: +996 312 62 00 62.</p>",
        ),
        "ru": (
            "Школьные обеды дошли до горных сёл",
            "В 27 сёлах выше 2000 м 3400 школьников теперь каждый день (кроме воскресенья) получают горячий обед.",
            "<p>Повар Гульнара Асанова встаёт в 4:30. «По понедельникам каша, по пятницам плов — и больше никто не опаздывает», — смеётся она.</p><p>Один обед стоит 25–30 сомов. Партнёры: ВПП, ЮНИСЕФ, Министерство образования и науки. Тел.: +996 312 62 00 62.</p>",
        ),
        "kk": (
            "Мектеп түскі асы тау ауылдарына жетті",
            "2000 м-ден биік 27 ауылда 3400 оқушы енді күн сайын (жексенбіден басқа) ыстық түскі ас ішеді.",
            "<p>Аспаз Гүлнара Асанова 4:30-да тұрады. «Дүйсенбіде ботқа, жұмада палау – енді ешкім кешікпейді», – деп күледі ол.</p><p>Бір ас 25–30 сом тұрады. Серіктестер: ДАБ, ЮНИСЕФ, Білім және ғылым министрлігі. Тел.: +996 312 62 00 62.</p>",
        ),
        "ky": (
            "Мектеп тамагы тоо айылдарына жетти",
            "2000 мден бийик 27 айылда 3400 окуучу эми күн сайын (жекшембиден башка) ысык тамак ичет.",
            "<p>Ашпозчу Гүлнара Асанова 4:30да турат. «Дүйшөмбүдө ботко, жумада палоо – эми эч ким кечикпейт», — деп күлөт ал.</p><p>Бир тамак 25–30 сом турат. Өнөктөштөр: БАП, ЮНИСЕФ, Билим берүү жана илим министрлиги. Тел.: +996 312 62 00 62.</p>",
        ),
        "tg": (
            "Хӯроки мактабӣ ба деҳаҳои кӯҳӣ расид",
            "Дар 27 деҳаи баландтар аз 2000 м 3400 хонанда акнун ҳар рӯз (ба ғайр аз якшанбе) хӯроки гарм мегиранд.",
            "<p>Ошпаз Гулнора Асанова соати 4:30 мехезад. «Рӯзи душанбе шӯла, рӯзи ҷумъа палав – ва дигар касе дер намемонад», — механдад ӯ.</p><p>Як хӯрок 25–30 сом арзиш дорад. Шарикон: БУО, ЮНИСЕФ, Вазорати маориф ва илм. Тел.: +996 312 62 00 62.</p>",
        ),
        "uz": (
            "Maktab tushligi tog‘ qishloqlariga yetdi",
            "2000 m dan baland 27 qishloqda 3400 o‘quvchi endi har kuni (yakshanbadan tashqari) issiq tushlik oladi.",
            "<p>Oshpaz Gulnora Asanova 4:30 da turadi. “Dushanba kuni bo‘tqa, juma kuni osh – endi hech kim kechikmaydi”, — deb kuladi u.</p><p>Bir tushlik 25–30 som turadi. Hamkorlar: JOD, YUNISEF, Ta’lim va fan vazirligi. Tel.: +996 312 62 00 62.</p>",
        ),
        "tk": (
            "Mekdep günortanlygy dag obalaryna ýetdi",
            "2000 m-den beýik 27 obada 3400 okuwçy indi her gün (ýekşenbeden başga) gyzgyn nahar iýýär.",
            "<p>Aşpez Gülnara Asanowa 4:30-da turýar. «Duşenbe güni süle, anna güni palaw – indi hiç kim gijä galmaýar» diýip, ol gülýär.</p><p>Bir nahar 25–30 som durýar. Hyzmatdaşlar: BAM, ÝUNISEF, Bilim we ylym ministrligi. Tel.: +996 312 62 00 62.</p>",
        ),
    },
    {
        "en": (
            "Call for papers: moving after the pandemic",
            "Researchers under 35 may send abstracts of 300 words until midnight on 31 January 2022 (Almaty time).",
            '<p>Topics: return, health, family, e-government. Languages: English, Russian. The best three win $1,500, $1,000 and $500.</p><p>The jury is chaired by Prof. E. Abdullaev (Samarkand) and Dr J. Miller (Bonn). Send your text to <a href="mailto:papers@office.int">papers@office.int</a>.</p>',
        ),
        "ru": (
            "Приём статей: миграция после пандемии",
            "Исследователи до 35 лет могут присылать тезисы на 300 слов до полуночи 31 января 2022 года (по времени Алматы).",
            '<p>Темы: возвращение, здоровье, семья, электронное правительство. Языки: английский, русский. Трое лучших получат 1500, 1000 и 500 долл. США.</p><p>Жюри возглавляют проф. Э. Абдуллаев (Самарканд) и д-р Дж. Миллер (Бонн). Присылайте текст на <a href="mailto:papers@office.int">papers@office.int</a>.</p>',
        ),
        "kk": (
            "Мақала қабылдау: пандемиядан кейінгі көші-қон",
            "35 жасқа дейінгі зерттеушілер 300 сөздік тезисті 2022 жылғы 31 қаңтар түн ортасына дейін жібере алады (Алматы уақыты).",
            '<p>Тақырыптар: оралу, денсаулық, отбасы, электрондық үкімет. Тілдер: ағылшын, орыс. Үздік үшеу 1500, 1000 және 500 АҚШ долларын алады.</p><p>Қазылар алқасын проф. Э. Абдуллаев (Самарқан) пен д-р Дж. Миллер (Бонн) басқарады. Мәтінді <a href="mailto:papers@office.int">papers@office.int</a> мекенжайына жіберіңіз.</p>',
        ),
        "ky": (
            "Макала кабыл алуу: пандемиядан кийинки миграция",
            "35 жашка чейинки изилдөөчүлөр 300 сөздүк тезисти 2022-жылдын 31-январында түн ортосуна чейин жөнөтө алышат (Алматы убактысы).",
            '<p>Темалар: кайтуу, ден соолук, үй-бүлө, электрондук өкмөт. Тилдер: англис, орус. Мыкты үчөө 1500, 1000 жана 500 АКШ долларын алат.</p><p>Калыстарды проф. Э. Абдуллаев (Самарканд) жана д-р Дж. Миллер (Бонн) башкарат. Текстти <a href="mailto:papers@office.int">papers@office.int</a> дарегине жөнөтүңүз.</p>',
        ),
        "tg": (
            "Қабули мақолаҳо: муҳоҷират пас аз пандемия",
            "Муҳаққиқони то 35-сола метавонанд фишурдаҳои 300 калимагиро то нисфи шаби 31 январи соли 2022 (вақти Алмаато) фиристанд.",
            '<p>Мавзӯъҳо: бозгашт, саломатӣ, оила, ҳукумати электронӣ. Забонҳо: англисӣ, русӣ. Се нафари беҳтарин 1500, 1000 ва 500 доллари ИМА мегиранд.</p><p>Ҳайати доваронро проф. Э. Абдуллаев (Самарқанд) ва д-р Ҷ. Миллер (Бонн) роҳбарӣ мекунанд. Матнро ба <a href="mailto:papers@office.int">papers@office.int</a> фиристед.</p>',
        ),
        "uz": (
            "Maqolalar qabuli: pandemiyadan keyingi migratsiya",
            "35 yoshgacha bo‘lgan tadqiqotchilar 300 so‘zli tezisni 2022-yil 31-yanvar yarim tungacha (Olmaota vaqti) yuborishi mumkin.",
            '<p>Mavzular: qaytish, salomatlik, oila, elektron hukumat. Tillar: ingliz, rus. Eng yaxshi uch kishi 1500, 1000 va 500 AQSh dollari oladi.</p><p>Hay’atni prof. E. Abdullayev (Samarqand) va d-r J. Miller (Bonn) boshqaradi. Matnni <a href="mailto:papers@office.int">papers@office.int</a> manziliga yuboring.</p>',
        ),
        "tk": (
            "Makala kabul etmek: pandemiýadan soňky migrasiýa",
            "35 ýaşa çenli barlagçylar 300 sözlük tezisi 2022-nji ýylyň 31-nji ýanwarynda ýary gijä çenli (Almaty wagty) iberip bilerler.",
            '<p>Temalar: gaýdyp gelmek, saglyk, maşgala, elektron hökümet. Diller: iňlis, rus. Iň gowy üç kişi 1500, 1000 we 500 ABŞ dollaryny alar.</p><p>Emin agzalara prof. E. Abdullaýew (Samarkand) we d-r J. Miller (Bonn) ýolbaşçylyk edýär. Teksti <a href="mailto:papers@office.int">papers@office.int</a> salgysyna iberiň.</p>',
        ),
    },
    {
        "en": (
            "“I came back for the apricots”",
            "Farrukh Nazarov, 52, drove lorries abroad for 17 years; today he dries fruit for 3 shops in Khujand.",
            "<p>He started with a grant of €2,000 and a loan at 12% a year. In the first season he sold 1.5 tonnes, in the second 4.</p><p>His advice: “Count twice. Then count what your wife’s work is worth.” The programme (2019–2023) has helped 640 people; 4 out of 10 are women.</p>",
        ),
        "ru": (
            "«Я вернулся ради абрикосов»",
            "Фаррух Назаров, 52 года, 17 лет водил грузовики за рубежом; теперь он сушит фрукты для 3 магазинов в Худжанде.",
            "<p>Он начал с гранта в 2000 евро и кредита под 12 % годовых. В первый сезон продал 1,5 тонны, во второй — 4.</p><p>Его совет: «Считай дважды. А потом посчитай, сколько стоит труд твоей жены». Программа (2019–2023) помогла 640 людям; 4 из 10 — женщины.</p>",
        ),
        "kk": (
            "«Мен өрік үшін қайтып келдім»",
            "52 жастағы Фаррух Назаров 17 жыл шетелде жүк көлігін жүргізді; қазір ол Хожанттағы 3 дүкенге жеміс кептіреді.",
            "<p>Ол 2000 еуро грантпен және жылдық 12 % несиемен бастады. Бірінші маусымда 1,5 тонна, екіншісінде 4 тонна сатты.</p><p>Оның кеңесі: «Екі рет сана. Содан кейін әйеліңнің еңбегі қанша тұратынын есепте». Бағдарлама (2019–2023) 640 адамға көмектесті; 10 адамның 4-і – әйел.</p>",
        ),
        "ky": (
            "«Мен өрүк үчүн кайтып келдим»",
            "52 жаштагы Фаррух Назаров 17 жыл чет өлкөдө жүк ташыды; азыр ал Коженттеги 3 дүкөнгө жемиш кургатат.",
            "<p>Ал 2000 евро грант жана жылдык 12 % насыя менен баштаган. Биринчи мезгилде 1,5 тонна, экинчисинде 4 тонна сатты.</p><p>Анын кеңеши: «Эки жолу сана. Анан аялыңдын эмгеги канча турарын эсепте». Программа (2019–2023) 640 адамга жардам берди; 10 адамдын 4ү – аял.</p>",
        ),
        "tg": (
            "«Ман ба хотири зардолу баргаштам»",
            "Фаррух Назарови 52-сола 17 сол дар хориҷа мошини боркаш меронд; ҳоло ӯ барои 3 мағозаи Хуҷанд мева хушк мекунад.",
            "<p>Ӯ бо гранти 2000 евро ва қарзи солонаи 12 % оғоз кард. Дар мавсими аввал 1,5 тонна, дар дуюм 4 тонна фурӯхт.</p><p>Маслиҳати ӯ: «Ду бор ҳисоб кун. Баъд ҳисоб кун, ки меҳнати занат чанд арзиш дорад». Барнома (2019–2023) ба 640 нафар кумак кард; аз ҳар 10 нафар 4-тоаш зан аст.</p>",
        ),
        "uz": (
            "“Men o‘rik uchun qaytdim”",
            "52 yoshli Farrux Nazarov 17 yil chet elda yuk mashinasi haydagan; hozir u Xo‘janddagi 3 do‘kon uchun meva quritadi.",
            "<p>U 2000 yevro grant va yillik 12 foizli kredit bilan boshladi. Birinchi mavsumda 1,5 tonna, ikkinchisida 4 tonna sotdi.</p><p>Uning maslahati: “Ikki marta hisobla. Keyin xotiningning mehnati qancha turishini hisobla”. Dastur (2019–2023) 640 kishiga yordam berdi; har 10 kishidan 4 nafari – ayol.</p>",
        ),
        "tk": (
            "«Men erik üçin gaýdyp geldim»",
            "52 ýaşly Farruh Nazarow 17 ýyl daşary ýurtda ýük ulagyny sürdi; häzir ol Hojentdäki 3 dükan üçin miwe guradýar.",
            "<p>Ol 2000 ýewro grant we ýyllyk 12 % karz bilen başlady. Birinji möwsümde 1,5 tonna, ikinjisinde 4 tonna satdy.</p><p>Onuň maslahaty: «Iki gezek hasapla. Soň aýalyňyň zähmetiniň näçe durýandygyny hasapla». Maksatnama (2019–2023) 640 adama kömek etdi; her 10 adamyň 4-si zenan.</p>",
        ),
    },
)
