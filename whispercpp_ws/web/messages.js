// Every text of the pages: English, Russian.

const LANGUAGES = ["en", "ru"];

export const MESSAGES = {
	title: ["Live speech to text", "Речь в текст на лету"],
	start: ["Start", "Начать"],
	stop: ["Stop", "Стоп"],
	hold: ["Hold to talk", "Удерживать"],
	file: ["Open a file", "Открыть файл"],
	keys: ["Space starts and stops; hold it to talk. Drop a file anywhere.", "Пробел: старт и стоп, удерживая — говорить. Файл можно бросить сюда."],
	language: ["Language", "Язык"],
	detect: ["Detect", "Определить"],
	model: ["Model", "Модель"],
	device: ["Microphone", "Микрофон"],
	defaultDevice: ["Default", "По умолчанию"],
	deviceNumber: ["Microphone {n}", "Микрофон {n}"],
	interface: ["Interface", "Интерфейс"],
	token: ["Access token", "Токен доступа"],
	useToken: ["Use", "Применить"],
	level: ["Level of the input", "Уровень входа"],
	transcript: ["Transcript", "Расшифровка"],
	empty: ["What is said appears here: grey while it may change, then black.", "Здесь появится сказанное: серым, пока меняется, затем чёрным."],
	wordHelp: ["Arrows choose a word, Enter plays it.", "Стрелки выбирают слово, Enter играет."],
	hear: ["Hear {from} to {to} again", "Прослушать {from}–{to}"],
	confidence: ["{word}: {percent} % sure", "{word}: {percent} %"],
	copy: ["Copy", "Копировать"],
	copied: ["Copied", "Скопировано"],
	download: ["Download as {format}", "Скачать как {format}"],
	clear: ["Clear", "Очистить"],
	status: ["Server state", "Состояние сервера"],
	page: ["Back to the transcript", "Назад к расшифровке"],
	drop: ["Drop the file", "Отпустите файл"],
	source: ["Your own server writes this text; nothing goes elsewhere.", "Текст создаёт ваш сервер; ничего не уходит наружу."],
	idle: ["Ready", "Готово"],
	connecting: ["Connecting …", "Соединение …"],
	open: ["Listening", "Слушаю"],
	streaming: ["Reading {name}: {percent} %", "Чтение {name}: {percent} %"],
	finishing: ["Finishing …", "Завершение …"],
	lost: ["Connection lost; what you say is kept", "Связь потеряна; сказанное хранится"],
	resumed: ["The connection is back; no word is lost.", "Связь восстановлена, ни слова не потеряно."],
	lag: ["{s} s behind", "отставание {s} с"],
	notAllowed: ["The microphone was not allowed. Allow it in the address bar.", "Микрофон не разрешён. Разрешите его в адресной строке."],
	notFound: ["No microphone was found. Connect one.", "Микрофон не найден. Подключите его."],
	unplugged: ["The microphone is gone. Connect it and start again.", "Микрофон пропал. Подключите и начните снова."],
	notReadable: ["The microphone cannot be opened; is another program using it?", "Микрофон не открывается; не занят ли он?"],
	insecure: ["Browsers give the microphone to https:// and localhost only: use https, or “{tunnel}” and then {local}. Files can be dropped.", "Микрофон доступен только на https:// и localhost: нужен https, или «{tunnel}» и затем {local}. Файлы бросать можно."],
	microphoneFailed: ["The microphone failed: {detail}", "Ошибка микрофона: {detail}"],
	overloaded: ["The server is full. Try again soon.", "Сервер занят. Повторите чуть позже."],
	draining: ["The server is shutting down. Try again in a minute.", "Сервер выключается. Повторите через минуту."],
	unreachable: ["The server does not answer. Is it running?", "Сервер не отвечает. Запущен ли он?"],
	unauthorized: ["A valid access token is needed. Enter it above.", "Нужен действующий токен. Введите его выше."],
	connection_lost: ["The connection was lost. The text is complete up to the last sentence.", "Связь потеряна. Текст полон до последнего предложения."],
	unknown_session: ["The server no longer knows this session. Start again.", "Сервер не помнит этот сеанс. Начните снова."],
	buffer_full: ["The connection was away for too long. Start again.", "Связи не было слишком долго. Начните снова."],
	unreadable: ["This browser cannot read {name} as audio.", "Браузер не может прочесть {name} как звук."],
	tooLarge: ["{name} is larger than {mb} MB.", "{name} больше {mb} МБ."],
	busy: ["Stop first, then open a file.", "Сначала остановите запись."],
	forgotten: ["That part is no longer kept.", "Этот отрывок уже не хранится."],
	noClipboard: ["Copying is not allowed here; download the text.", "Копировать здесь нельзя; скачайте текст."],
	other: ["The session ended: {detail}", "Сеанс завершён: {detail}"],
	sessions: ["Sessions", "Сеансы"],
	connections: ["Connections", "Соединения"],
	load: ["Predicted load", "Ожидаемая нагрузка"],
	pressure: ["Overload step", "Ступень перегрузки"],
	audio: ["Minutes heard", "Услышано минут"],
	refused: ["Refused", "Отказы"],
	resumedCount: ["Resumed", "Возобновлено"],
	errors: ["Ended by errors", "Завершено ошибками"],
	models: ["Models", "Модели"],
	languages: ["{n} languages", "языков: {n}"],
	isDefault: ["default", "по умолчанию"],
	lag_seconds: ["Audio to text", "Звук → текст"],
	final_seconds: ["End of speech to final", "Конец речи → итоговый текст"],
	decode_seconds: ["Decodes", "Декодирование"],
	median: ["median {p50} s, 95 % within {p95} s, {n} in all", "медиана {p50} с, 95 % до {p95} с, всего {n}"],
	none: ["nothing yet", "пока ничего"],
	localOnly: ["Shown on the server's own machine only: “{tunnel}”, then open {local}/status.", "Видно только на сервере: «{tunnel}», затем {local}/status."],
	updated: ["As of {time}", "На {time}"],
};

export const by = (id) => document.getElementById(id);

export function interfaceLanguage() {
	const wanted = recall("interface") ?? navigator.language.slice(0, 2);
	return LANGUAGES.includes(wanted) ? wanted : "en";
}

let language = "en";

// Write every marked element of the page in a language, what `write` wrote too.
export function speak(chosen) {
	language = chosen;
	document.documentElement.lang = chosen;
	for (const element of document.querySelectorAll("[data-t], [data-label]")) {
		const { t: key, label } = element.dataset;
		if (key) element.textContent = t(key, element.dataset);
		if (label) element.ariaLabel = t(label, element.dataset);
	}
}

export function t(key, values = {}) {
	const text = MESSAGES[key]?.[LANGUAGES.indexOf(language)] ?? key;
	return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const knows = (key) => key in MESSAGES;

export const number = (value, most = 2) =>
	value.toLocaleString(language, { maximumFractionDigits: most });

export function write(id, key, values) {
	Object.assign(by(id).dataset, { t: key, ...values });
	by(id).textContent = key && t(key, values);
}

// Show a message, or hide where it stands.
export function showMessage(id, code, values) {
	const port = location.port || "2700";
	const tunnel = `ssh -L ${port}:127.0.0.1:${port} ${location.hostname}`;
	by(id).hidden = !code;
	write(id, code, { tunnel, local: `http://localhost:${port}`, ...values });
}

export function languageName(code) {
	try {
		const name = new Intl.DisplayNames([language], { type: "language" }).of(code);
		return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
	} catch {
		return code;
	}
}

// Storage throws where cookies are forbidden; a choice then holds for one visit. What is
// a secret is kept for as long as the tab.
const storage = (key) => (key === "token" ? sessionStorage : localStorage);

export function recall(key) {
	try {
		return storage(key).getItem(key);
	} catch {
		return null;
	}
}

export function remember(key, value) {
	try {
		storage(key).setItem(key, value);
	} catch {
		// See above.
	}
}
