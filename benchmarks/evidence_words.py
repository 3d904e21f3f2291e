"""Vocabularies for pages of known text: words of running text, most frequent first."""

from __future__ import annotations

WORDS = {
    "english": """the of and to in a that was for with on as by at from which had were their its this not been have are
        committee report account council harbour winter member street engine letter garden teacher market bridge
        village contract history question journey machine number picture station village weather science library
        property customer delivery payment agreement statement department secretary building material production
        examined agreed increased considered published required explained returned described completed suggested
        several original annual public general former important difficult recent available local national additional
        quickly therefore however although between during against within without before after until whether because""",
    "german": """die der und in zu den das nicht von sie ist des sich mit dem dass er es ein ich auf so eine auch als an
        Ausschuss Bericht Rechnung Gemeinde Hafen Winter Mitglied Straße Brücke Brief Garten Lehrer Markt Maschine
        Vertrag Geschichte Frage Reise Bahnhof Wetter Wissenschaft Bücherei Grundstück Lieferung Zahlung Vereinbarung
        Abteilung Gebäude Werkstoff Erzeugung prüfte beschloss erhöhte betrachtete veröffentlichte verlangte erklärte
        mehrere ursprüngliche jährliche öffentliche allgemeine frühere wichtige schwierige jüngste örtliche zusätzlich
        schnell deshalb jedoch obwohl zwischen während gegen innerhalb ohne bevor nachdem bis weil Übernahme Größe""",
    "french": """le de la et les des en un du une que est pour qui dans par plus pas au sur ne se ce il sont avec
        comité rapport compte conseil hiver membre rue pont lettre jardin professeur marché machine contrat histoire
        question voyage gare météo science bibliothèque propriété livraison paiement accord déclaration département
        bâtiment matériel production examiné décidé augmenté considéré publié demandé expliqué plusieurs ancien annuel
        public général important difficile récent local national supplémentaire rapidement donc cependant entre pendant
        contre sans avant après jusque parce élève château intérêt""",
    "spanish": """de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ya o este
        comité informe cuenta consejo invierno miembro calle puente carta jardín maestro mercado máquina contrato
        historia pregunta viaje estación tiempo ciencia biblioteca propiedad entrega pago acuerdo declaración
        departamento edificio material producción examinó decidió aumentó consideró publicó pidió explicó varios
        antiguo anual público general importante difícil reciente local nacional adicional rápidamente entonces entre
        durante contra dentro sin antes después hasta porque señor niño""",
    "polish": """w i na z się do nie że to jest o od po za jak przez dla czy być są ale tylko także oraz przy pod
        komisja sprawozdanie rachunek rada zima członek ulica most list ogród nauczyciel rynek maszyna umowa historia
        pytanie podróż dworzec pogoda nauka biblioteka własność dostawa płatność porozumienie oświadczenie wydział
        budynek materiał produkcja zbadała postanowiła zwiększyła rozważyła opublikowała wyjaśniła kilka pierwotny
        roczny publiczny ogólny ważny trudny ostatni miejscowy krajowy dodatkowy szybko dlatego jednak między podczas
        przeciw wewnątrz bez przed źródło żółty łąka święto""",
    "russian": """и в не на я что тот быть с он а по это она этот к но они мы весь который из у от за для же
        комитет отчёт счёт совет гавань зима член улица мост письмо сад учитель рынок машина договор история вопрос
        поездка вокзал погода наука библиотека имущество доставка платёж соглашение заявление отдел здание материал
        производство рассмотрел решил увеличил опубликовал потребовал объяснил несколько первоначальный годовой
        общественный общий важный трудный недавний местный дополнительный быстро поэтому однако между против внутри""",
    "greek": """και το να του η της με που την από για στο είναι τα οι στη δεν τον θα ως αυτό ένα μια σε
        επιτροπή έκθεση λογαριασμός συμβούλιο λιμάνι χειμώνας μέλος δρόμος γέφυρα επιστολή κήπος δάσκαλος αγορά μηχανή
        σύμβαση ιστορία ερώτηση ταξίδι σταθμός καιρός επιστήμη βιβλιοθήκη ιδιοκτησία παράδοση πληρωμή συμφωνία δήλωση
        τμήμα κτίριο υλικό παραγωγή εξέτασε αποφάσισε αύξησε δημοσίευσε ζήτησε εξήγησε αρκετοί αρχικός ετήσιος δημόσιος
        γενικός σημαντικός δύσκολος πρόσφατος τοπικός γρήγορα επομένως όμως μεταξύ κατά μέσα χωρίς πριν μετά μέχρι""",
    "chinese": """的 是 在 了 和 有 我们 这 中 大 为 上 委员会 报告 账目 港口 冬天 成员 街道 桥梁 信件 花园 教师
        市场 机器 合同 历史 问题 旅行 车站 天气 科学 图书馆 财产 交付 付款 协议 声明 部门 建筑 材料 生产 审查
        同意 增加 考虑 发表 要求 解释 几个 原来 年度 公共 一般 重要 困难 最近 当地 国家 额外 迅速 因此 然而 之间
        期间 反对 没有 以前 以后 直到 因为""",
    "japanese": """の に は を た が で て と し れ さ ある いる から ため これ それ 委員会 報告 会計 港 冬 会員 道路
        橋 手紙 庭 教師 市場 機械 契約 歴史 質問 旅行 駅 天気 科学 図書館 財産 配達 支払い 協定 声明 部門 建物
        材料 生産 調べた 決めた 増えた 考えた 出版した 求めた 説明した いくつか 元の 年間 公共 一般 重要な 難しい
        最近 地方 国内 追加 すぐに しかし サービス データ""",
    "korean": """이 그 저 것 수 등 및 위원회는 보고서를 계정 의회가 항구 겨울에 회원 거리의 다리 편지 정원 교사
        시장은 기계 계약서 역사 질문을 여행 역에서 날씨 과학 도서관 재산 배달 지불 합의를 성명 부서 건물 재료
        생산을 조사했다 동의했다 증가했다 고려했다 발표했다 요구했다 설명했다 여러 원래 연간 공공 일반적인 중요한
        어려운 최근 지역 국가 추가 빨리 따라서 그러나""",
}
"""By language. The words of Chinese and Japanese are written without blanks between them."""
UNSPACED = {"chinese", "japanese"}
LATIN = ("english", "german", "french", "spanish", "polish")


def words(language: str) -> list[str]:
    """The vocabulary of a language."""
    return WORDS[language].split()
